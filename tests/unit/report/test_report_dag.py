"""The DAG of the report: whom it listens to, that it may be repeated, that it only wires."""

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


def test_it_listens_to_tested_marts_and_nothing_else(dag: Any) -> None:
    assert dag.timetable.asset_condition == MARTS


def test_two_runs_never_write_one_page_at_once(dag: Any) -> None:
    assert dag.max_active_runs == 1


def test_an_outage_is_tried_again_and_the_docs_say_how(dag: Any) -> None:
    task = dag.get_task("write_report")
    assert task.retries >= 3
    assert "### Running it again" in dag.doc_md
    assert dag.task_ids == ["write_report"]


def test_the_file_only_wires() -> None:
    lines = FILE.read_text().splitlines()
    assert len(lines) <= 60
    assert not [line for line in lines if line.startswith(("import psycopg", "from spotify_pipeline.report"))]
