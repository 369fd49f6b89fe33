"""Tests the structure of the DAG spotify_ingest."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronPartitionTimetable

DAGS = Path(__file__).parents[3] / "dags"


@pytest.fixture(scope="module")
def dag() -> DAG:
    bag = DagBag(DAGS / "spotify_ingest.py")
    assert bag.import_errors == {}
    return bag.dags["spotify_ingest"]


def downstream(dag: DAG, task_id: str) -> set[str]:
    return set(dag.get_task(task_id).downstream_task_ids)


def test_the_order_of_the_tasks(dag: DAG) -> None:
    assert downstream(dag, "migrate") == {"plan"}
    assert downstream(dag, "plan") >= {"sources.fetch", "details.fetch", "reconcile", "conclude"}
    assert downstream(dag, "sources.fetch") == {"sources.validate"}
    assert downstream(dag, "sources.validate") == {"sources.load"}
    assert downstream(dag, "sources.load") == {"details.fetch", "reconcile"}
    assert downstream(dag, "details.fetch") == {"details.validate"}
    assert downstream(dag, "details.validate") == {"details.load"}
    assert downstream(dag, "details.load") == {"reconcile"}
    assert downstream(dag, "reconcile") == {"conclude"}
    assert dag.leaves == [dag.get_task("conclude")]


def test_only_reconcile_emits_the_asset_after_all_groups(dag: DAG) -> None:
    assert dag.get_task("reconcile").trigger_rule == "all_done"
    emitting = {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets}
    assert emitting == {"reconcile": ["spotify_staging"]}


def test_details_start_after_every_source(dag: DAG) -> None:
    assert dag.get_task("details.fetch").trigger_rule == "all_done"
    assert set(dag.get_task("details.fetch").upstream_task_ids) == {"plan", "sources.load"}


def test_a_failed_plan_fails_the_run(dag: DAG) -> None:
    """Reconcile runs even after a failed plan, so the last task must depend on the plan too."""
    assert dag.get_task("conclude").trigger_rule == "all_success"
    assert set(dag.get_task("conclude").upstream_task_ids) == {"plan", "reconcile"}


def test_a_scheduled_run_has_the_date_on_which_it_starts(dag: DAG) -> None:
    timetable = dag.timetable
    assert isinstance(timetable, CronPartitionTimetable)
    assert (timetable.run_offset, timetable.key_format) == (0, "%Y-%m-%d")
    assert not dag.catchup


def test_retries_outlast_a_short_outage(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.retries >= 3, task.task_id
        assert task.retry_delay.total_seconds() <= 30, task.task_id
