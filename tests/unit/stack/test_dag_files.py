"""Tests which files of a folder define a DAG, and which are helper modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack import airflow_api
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.dag_files import dag_files, defines_dag
from spotify_stack.health import NotReady


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from airflow.sdk import dag\n@dag\ndef a(): ...\na()\n", True),
        ("from airflow import sdk\n@sdk.dag(schedule=None)\ndef a(): ...\na()\n", True),
        ("from airflow.sdk import DAG\nwith DAG('a'):\n    pass\n", True),
        ("from airflow.sdk import DAG\nfor name in 'ab':\n    globals()[name] = DAG(name)\n", True),
        # a helper with both of the words that Airflow's safe mode looks for
        ("from airflow.sdk import DAG\ndef dag_of(name):\n    return DAG(name)\n", False),
        ('"""Retries of each dag."""\nRETRIES = 3\n', False),
        ("", False),
        # Airflow reads it and reports an import error
        ("from airflow.sdk import dag\n@dag\ndef a(:\n", True),
        ("not Python (", False),
    ],
)
def test_a_file_defines_a_dag_when_imported(source: str, expected: bool) -> None:
    assert defines_dag(source) is expected


def test_the_project_s_dag_files_are_found_and_no_helper(tmp_path: Path) -> None:
    ours = {path.name for path in (PROJECT_ROOT / "dags").glob("*.py")}
    assert dag_files(PROJECT_ROOT / "dags") == ours
    (tmp_path / "helper.py").write_text("RETRIES = 3\n")
    assert dag_files(tmp_path) == set()


def test_the_stack_waits_for_dag_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "mine.py").write_text("from airflow.sdk import DAG\nDAG('mine')\n")
    (tmp_path / "dags" / "helper.py").write_text("RETRIES = 3\n")
    monkeypatch.setattr(airflow_api, "PROJECT_ROOT", tmp_path)
    parsed: list[dict[str, str]] = []
    monkeypatch.setattr(AirflowApi, "dags", lambda _api: parsed)
    monkeypatch.setattr(AirflowApi, "import_errors", lambda _api: {})
    with AirflowApi("http://127.0.0.1:1") as api:
        with pytest.raises(NotReady, match="has not parsed mine.py yet"):
            api.check_dags_are_parsed()
        parsed.append({"relative_fileloc": "mine.py"})
        api.check_dags_are_parsed()
