from __future__ import annotations

import os
from pathlib import Path

import pytest

from spotify_stack.dbt_manifest import build_manifest, is_current


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose manifest was made of its files."""
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
def test_a_change_makes_it_anew_however_old_the_file(project: Path, name: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("changed")
    os.utime(project / name, (1000, 1000))
    for_people, for_airflow = runs_of(project)
    assert for_people[for_people.index("--project-dir") + 1] == str(project)
    assert for_airflow[: len(for_people)] == for_people
    assert for_airflow[len(for_people) :][:2] == ["--target", "build"]


def test_a_removed_model_makes_it_anew(project: Path) -> None:
    (project / "models" / "a.sql").unlink()
    assert not is_current(project)


def test_no_manifest_is_made(project: Path) -> None:
    (project / "target" / "manifest.json").unlink()
    assert runs_of(project) != []


def test_a_parse_that_fails_leaves_no_digest(project: Path) -> None:
    (project / "models" / "a.sql").write_text("{{")

    def fail(_: list[str]) -> None:
        raise RuntimeError("dbt cannot parse this")

    with pytest.raises(RuntimeError):
        build_manifest(fail, project)
    assert not is_current(project)


def test_what_dbt_writes_itself_does_not_count(project: Path) -> None:
    (project / "logs" / "dbt.log").write_text("more")
    assert is_current(project)
