from __future__ import annotations

import os
from pathlib import Path

import pytest

from spotify_stack.dbt_manifest import build_manifest, is_current


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("models/a.sql", "seeds/b.csv", "dbt_project.yml", "logs/dbt.log", "target/manifest.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    for path in tmp_path.rglob("*"):
        os.utime(path, (1000, 1000))
    os.utime(tmp_path / "target" / "manifest.json", (2000, 2000))
    return tmp_path


def runs_of(project: Path) -> list[list[str]]:
    commands: list[list[str]] = []
    build_manifest(commands.append, project)
    return commands


def test_a_manifest_newer_than_the_project_is_kept(project: Path) -> None:
    assert is_current(project)
    assert runs_of(project) == []


@pytest.mark.parametrize("name", ["models/a.sql", "seeds/b.csv", "dbt_project.yml"])
def test_a_change_makes_it_anew(project: Path, name: str) -> None:
    os.utime(project / name, (3000, 3000))
    [command] = runs_of(project)
    assert "parse" in command
    assert command[command.index("--project-dir") + 1] == str(project)


def test_a_removed_model_makes_it_anew(project: Path) -> None:
    (project / "models" / "a.sql").unlink()
    assert not is_current(project)


def test_no_manifest_is_made(project: Path) -> None:
    (project / "target" / "manifest.json").unlink()
    assert len(runs_of(project)) == 1


def test_what_dbt_writes_itself_does_not_count(project: Path) -> None:
    for name in ("logs/dbt.log", "logs", "target"):
        os.utime(project / name, (3000, 3000))
    assert is_current(project)
