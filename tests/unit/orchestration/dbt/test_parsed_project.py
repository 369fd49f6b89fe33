"""Tests that a stored parse is used only for the files from which it was made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest

from spotify_pipeline.files import folder_digest
from spotify_pipeline.orchestration.dbt import parsed_project
from spotify_pipeline.orchestration.dbt.parsed_project import fingerprint, keep, manifest_for
from spotify_pipeline.settings import DBT_BUILD_TARGET, DBT_DIGEST, DBT_OUTPUT_FOLDERS, PROJECT_ROOT


def parsed(database: str = "warehouse") -> Any:
    """Return a manifest with the attributes that are used."""
    model = SimpleNamespace(database=database, relation_name=f'"{database}"."marts"."a"')
    test = SimpleNamespace(database=database, relation_name=None)
    return SimpleNamespace(
        nodes={"model.a": model, "test.a": test}, sources={}, build_flat_graph=lambda: None
    )


def written(project: Path) -> Path:
    """Write an empty manifest, as `dbt parse` does, and the digest of the project's files."""
    (project / DBT_BUILD_TARGET).mkdir()
    (project / DBT_BUILD_TARGET / "partial_parse.msgpack").write_bytes(Manifest().to_msgpack())
    (project / DBT_DIGEST).write_text(folder_digest(project, without=DBT_OUTPUT_FOLDERS))
    return project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.sql").write_text("select 1")
    (tmp_path / "target").mkdir()
    yield tmp_path
    parsed_project.forget()


def test_a_kept_manifest_is_returned_while_nothing_changes(project: Path) -> None:
    manifest = parsed()
    assert keep(project, manifest, fingerprint(project))
    assert manifest_for(project, "warehouse") is manifest


def test_a_manifest_gets_the_database_of_the_connection(project: Path) -> None:
    """The project is parsed once for all databases; the name of one may need quotes."""
    manifest = parsed()
    keep(project, manifest, fingerprint(project))
    for database in ("other", 'odd " name', "warehouse"):
        assert manifest_for(project, database) is manifest
        assert {node.database for node in manifest.nodes.values()} == {database}
    assert manifest.nodes["model.a"].relation_name == '"warehouse"."marts"."a"'
    assert manifest.nodes["test.a"].relation_name is None


@pytest.mark.parametrize("database", ["warehouse", "other"])
def test_macros_find_all_nodes_in_graph(database: str) -> None:
    """As after a parse by dbt itself, `graph.nodes` has every node with its database."""
    parsed_project.forget()
    manifest = manifest_for(PROJECT_ROOT / "dbt", database)
    assert manifest is not None
    nodes = manifest.flat_graph["nodes"]
    assert nodes.keys() == manifest.nodes.keys()
    assert {node["database"] for node in nodes.values()} == {database}


def test_another_project_has_no_manifest(project: Path) -> None:
    keep(project, parsed(), fingerprint(project))
    assert manifest_for(project / "models", "warehouse") is None


@pytest.mark.parametrize("change", ["edit", "touch", "add", "remove", "rename"])
def test_a_manifest_is_not_used_after_a_change_of_a_file(project: Path, change: str) -> None:
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


def test_files_that_dbt_writes_are_not_a_change(project: Path) -> None:
    keep(project, parsed(), fingerprint(project))
    (project / "target" / "manifest.json").write_text("{}")
    assert manifest_for(project, "warehouse") is not None


def test_a_written_manifest_of_the_same_files_is_read(project: Path) -> None:
    """A worker that is not a fork of the scheduler has only the file; times of files are not compared."""
    os.utime(project / "models" / "a.sql", (1000, 1000))
    manifest = manifest_for(written(project), "warehouse")
    assert manifest is not None
    assert manifest_for(project, "warehouse") is manifest


@pytest.mark.parametrize("change", ["edit", "no digest", "another version of dbt"])
def test_a_written_manifest_of_other_files_is_not_read(project: Path, change: str) -> None:
    written(project)
    if change == "edit":
        (project / "models" / "a.sql").write_text("select 2")
    elif change == "no digest":
        (project / DBT_DIGEST).unlink()
    else:
        (project / DBT_BUILD_TARGET / "partial_parse.msgpack").write_bytes(b"?")
    assert manifest_for(project, "warehouse") is None


def test_a_project_that_changed_while_it_was_parsed_is_not_kept(project: Path) -> None:
    before = fingerprint(project)
    (project / "models" / "a.sql").write_text("select 22")
    assert not keep(project, parsed(), before)
    assert manifest_for(project, "warehouse") is None
