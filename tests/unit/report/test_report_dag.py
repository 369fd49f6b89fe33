"""Tests the structure of the DAG spotify_report."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from spotify_pipeline.orchestration.assets import MARTS
from spotify_pipeline.settings import PROJECT_ROOT

FILE = PROJECT_ROOT / "dags" / "spotify_report.py"


@pytest.fixture(scope="module")
def dag() -> Any:
    bag = DagBag(str(FILE))
    assert bag.import_errors == {}
    return bag.dags["spotify_report"]


def test_it_is_scheduled_by_the_tested_marts(dag: Any) -> None:
    assert dag.timetable.asset_condition == MARTS


def test_it_runs_one_at_a_time(dag: Any) -> None:
    assert dag.max_active_runs == 1


def test_an_outage_is_retried_and_the_docs_explain_a_rerun(dag: Any) -> None:
    task = dag.get_task("write_report")
    assert task.retries >= 3
    assert "### Running it again" in dag.doc_md
    assert dag.task_ids == ["write_report"]


def test_the_dag_file_imports_neither_report_nor_driver() -> None:
    lines = FILE.read_text().splitlines()
    assert not [line for line in lines if line.startswith(("import psycopg", "from spotify_pipeline.report"))]
