"""Files of a DAG folder that define a DAG, and helper modules next to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dag_files import dag_files, defines_dag


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


def test_all_our_dag_files_and_no_helper(tmp_path: Path) -> None:
    ours = {path.name for path in (PROJECT_ROOT / "dags").glob("*.py")}
    assert dag_files(PROJECT_ROOT / "dags") == ours
    (tmp_path / "helper.py").write_text("RETRIES = 3\n")
    assert dag_files(tmp_path) == set()
