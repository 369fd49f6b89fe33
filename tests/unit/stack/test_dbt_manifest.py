"""Tests when the dbt manifest is built again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spotify_stack.dbt_manifest import build_manifest, is_current


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a current manifest."""
    for name in ("models/a.sql", "seeds/b.csv", "dbt_project.yml", "logs/dbt.log", "target/manifest.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert build_manifest(lambda _: None, tmp_path)
    return tmp_path


def runs_of(project: Path) -> list[list[str]]:
    commands: list[list[str]] = []
    build_manifest(commands.append, project)
    return commands


def test_a_manifest_of_the_same_files_is_kept(project: Path) -> None:
    os.utime(project / "models" / "a.sql", (3000, 3000))
    assert is_current(project)
    assert runs_of(project) == []


@pytest.mark.parametrize("name", ["models/a.sql", "seeds/b.csv", "dbt_project.yml", "dbt_packages/p/m.sql"])
def test_a_changed_file_of_any_age_needs_a_new_manifest(project: Path, name: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("changed")
    os.utime(project / name, (1000, 1000))
    default_target, build_target = runs_of(project)
    assert default_target[default_target.index("--project-dir") + 1] == str(project)
    assert build_target[: len(default_target)] == default_target
    assert build_target[len(default_target) :][:2] == ["--target", "build"]


def test_a_removed_model_needs_a_new_manifest(project: Path) -> None:
    (project / "models" / "a.sql").unlink()
    assert not is_current(project)


def test_a_missing_manifest_is_built(project: Path) -> None:
    (project / "target" / "manifest.json").unlink()
    assert runs_of(project) != []


def test_a_parse_that_fails_leaves_no_digest(project: Path) -> None:
    (project / "models" / "a.sql").write_text("{{")

    def fail(_: list[str]) -> None:
        raise RuntimeError("dbt cannot parse this")

    with pytest.raises(RuntimeError):
        build_manifest(fail, project)
    assert not is_current(project)


def test_files_that_dbt_writes_do_not_count(project: Path) -> None:
    (project / "logs" / "dbt.log").write_text("more")
    assert is_current(project)
