"""A kept parse holds for the files, and the database, that it was made from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spotify_pipeline.orchestration.dbt import parsed_project
from spotify_pipeline.orchestration.dbt.parsed_project import fingerprint, keep, manifest_for


def parsed(database: str = "warehouse") -> Any:
    """As much of a manifest as is asked of it."""
    node = SimpleNamespace(database=database)
    return SimpleNamespace(nodes={"model.a": node}, sources={"source.b": node})


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.sql").write_text("select 1")
    (tmp_path / "target").mkdir()
    yield tmp_path
    parsed_project.forget()


def test_what_was_kept_is_given_while_nothing_changed(project: Path) -> None:
    manifest = parsed()
    assert keep(project, manifest, fingerprint(project))
    assert manifest_for(project, "warehouse") is manifest


def test_another_database_gets_none(project: Path) -> None:
    keep(project, parsed(), fingerprint(project))
    assert manifest_for(project, "other") is None


def test_another_project_gets_none(project: Path) -> None:
    keep(project, parsed(), fingerprint(project))
    assert manifest_for(project / "models", "warehouse") is None


@pytest.mark.parametrize("change", ["edit", "touch", "add", "remove", "rename"])
def test_any_change_of_a_file_ends_it(project: Path, change: str) -> None:
    keep(project, parsed(), fingerprint(project))
    model = project / "models" / "a.sql"
    if change == "edit":
        model.write_text("select 22")
    elif change == "touch":
        os.utime(model, ns=(1, 1))
    elif change == "add":
        (project / "models" / "b.sql").write_text("")
    elif change == "remove":
        model.unlink()
    else:
        model.rename(project / "models" / "c.sql")
    assert manifest_for(project, "warehouse") is None


def test_what_dbt_writes_itself_is_no_change(project: Path) -> None:
    keep(project, parsed(), fingerprint(project))
    (project / "target" / "manifest.json").write_text("{}")
    assert manifest_for(project, "warehouse") is not None


def test_a_project_that_changed_while_it_was_parsed_is_not_kept(project: Path) -> None:
    before = fingerprint(project)
    (project / "models" / "a.sql").write_text("select 22")
    assert not keep(project, parsed(), before)
    assert manifest_for(project, "warehouse") is None
