"""Tests DAG files in a DAG bundle: a copy of `dags/` in another folder, without the rest of the project."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dbt_manifest import build_manifest


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return the root of a bundle's version, with the DAG files and the sources of the dbt project."""
    root = tmp_path / "bundle" / "versions" / "abc"
    shutil.copytree(PROJECT_ROOT / "dags", root / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT_ROOT / "dbt", root / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    return root


def test_dag_files_can_be_imported_from_another_root(bundle: Path) -> None:
    build_manifest(lambda command: subprocess.run(command, check=True))  # noqa: S603 - our own command line
    bag = DagBag(str(bundle / "dags"))
    assert bag.import_errors == {}
    files = {Path(dag.fileloc).name for dag in bag.dags.values()}
    assert files == {path.name for path in (PROJECT_ROOT / "dags").glob("*.py")}


def test_a_dbt_project_without_manifest_is_named(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_DBT_PROJECT_DIR", str(bundle / "dbt"))
    bag = DagBag(str(bundle / "dags" / "spotify_transform.py"))
    (error,) = bag.import_errors.values()
    assert f"dbt manifest {bundle}/dbt/target/manifest.json is missing: run `make dbt-manifest`" in error
    assert "SPOTIFY_PIPELINE_DBT_PROJECT_DIR" in error
