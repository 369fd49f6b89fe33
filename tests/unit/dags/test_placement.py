"""Tests the queue, pool and executor of tasks, with and without settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from spotify_pipeline.settings import PLACES, PREFIX, Stage

DAGS = Path(__file__).parents[3] / "dags"
STAGE_TASKS = {
    "spotify_ingest": {
        "sources.fetch": "fetch",
        "sources.validate": "load",
        "sources.load": "load",
        "details.fetch": "fetch",
    },
    "spotify_listening": {"fetch": "fetch", "validate": "load", "load": "load"},
    "spotify_replay": {"dates.replay": "load"},
}
DEFAULTS = {"queue": "default", "pool": "default_pool", "executor": None}
# Airflow refuses an executor that is not among those of [core] executor
EXECUTOR = "LocalExecutor"


def places(dag_id: str) -> dict[str, dict[str, str | None]]:
    """Return the queue, pool and executor of each task of a DAG."""
    bag = DagBag(DAGS / f"{dag_id}.py")
    assert bag.import_errors == {}
    return {task.task_id: {name: getattr(task, name) for name in PLACES} for task in bag.dags[dag_id].tasks}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in Stage:
        monkeypatch.setenv(f"{PREFIX}QUEUE_{stage.upper()}", f"queue-{stage}")
        monkeypatch.setenv(f"{PREFIX}POOL_{stage.upper()}", f"pool-{stage}")
        monkeypatch.setenv(f"{PREFIX}EXECUTOR_{stage.upper()}", EXECUTOR)


@pytest.mark.parametrize("dag_id", [*STAGE_TASKS, "spotify_transform"])
def test_without_settings_airflow_decides(dag_id: str) -> None:
    assert [task for task, place in places(dag_id).items() if place != DEFAULTS] == []


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("dag_id", STAGE_TASKS)
def test_tasks_of_a_stage_use_the_settings_of_the_stage(dag_id: str) -> None:
    found = places(dag_id)
    for task, stage in STAGE_TASKS[dag_id].items():
        assert found[task] == {"queue": f"queue-{stage}", "pool": f"pool-{stage}", "executor": EXECUTOR}
    others = found.keys() - STAGE_TASKS[dag_id].keys() - {"details.validate", "details.load"}
    assert [task for task in others if found[task] != DEFAULTS] == []


@pytest.mark.usefixtures("settings")
def test_dbt_tasks_use_the_settings_of_dbt() -> None:
    found = places("spotify_transform")
    assert len(found) > 100
    assert {tuple(place.values()) for place in found.values()} == {("queue-dbt", "pool-dbt", EXECUTOR)}


def test_one_setting_does_not_change_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}QUEUE_LOAD", "loads")
    found = places("spotify_replay")
    assert found["dates.replay"] == DEFAULTS | {"queue": "loads"}
