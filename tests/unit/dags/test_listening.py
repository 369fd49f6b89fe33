"""Tests the structure of the DAG spotify_listening."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

DAGS = Path(__file__).parents[3] / "dags"


@pytest.fixture(scope="module")
def dag() -> DAG:
    bag = DagBag(DAGS / "spotify_listening.py")
    assert bag.import_errors == {}
    return bag.dags["spotify_listening"]


def test_the_order_of_the_tasks(dag: DAG) -> None:
    assert dag.get_task("fetch").downstream_task_ids == {"validate"}
    assert dag.get_task("validate").downstream_task_ids == {"load"}
    assert len(dag.tasks) == 3


def test_it_runs_every_hour_one_at_a_time_without_catching_up(dag: DAG) -> None:
    assert dag.timetable.expression == "5 * * * *"
    assert dag.max_active_runs == 1
    assert not dag.catchup


def test_it_emits_nothing(dag: DAG) -> None:
    assert not any(task.outlets for task in dag.tasks)
