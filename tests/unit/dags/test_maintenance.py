"""Tests the structure of the DAG spotify_maintenance."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

DAGS = Path(__file__).parents[3] / "dags"


@pytest.fixture(scope="module")
def dag() -> DAG:
    bag = DagBag(DAGS / "spotify_maintenance.py")
    assert bag.import_errors == {}
    return bag.dags["spotify_maintenance"]


def test_it_runs_every_week_one_at_a_time_without_catching_up(dag: DAG) -> None:
    assert dag.timetable.expression == "30 3 * * 0"
    assert dag.max_active_runs == 1
    assert not dag.catchup


def test_upkeep_follows_the_removal_and_emits_nothing(dag: DAG) -> None:
    assert dag.get_task("upkeep").upstream_task_ids == {"retention", "forget_erased_login"}
    assert not any(task.outlets for task in dag.tasks)


def test_a_scheduled_run_removes_and_a_manual_one_may_count(dag: DAG) -> None:
    assert dag.params.dump() == {"dry_run": False, "as_of": None}
    assert dag.params.get_param("as_of").resolve("2026-11-22") == "2026-11-22"
    for name, value in (("dry_run", "yes"), ("as_of", "22.11.2026"), ("as_of", 20261122)):
        with pytest.raises(ParamValidationError):
            dag.params.get_param(name).resolve(value)
