"""Tests the structure of the DAG spotify_replay, and the mapped units of a range of dates."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, PartitionedAtRuntime
from airflow.sdk.exceptions import ParamValidationError

from spotify_pipeline.orchestration.tasks.replay import MAX_UNITS, summary_of, units_of
from spotify_pipeline.stages.reconcile import Verdict
from spotify_pipeline.stages.replay import Replay

DAGS = Path(__file__).parents[3] / "dags"
DAY = date(2026, 11, 5)


@pytest.fixture(scope="module")
def dag() -> DAG:
    bag = DagBag(DAGS / "spotify_replay.py")
    assert bag.import_errors == {}
    return bag.dags["spotify_replay"]


def days(number: int) -> list[Replay]:
    return [Replay(DAY + timedelta(days=offset), ("one",)) for offset in range(number)]


def test_the_order_of_the_tasks_of_a_date(dag: DAG) -> None:
    assert dag.get_task("plan").downstream_task_ids >= {"dates.replay"}
    assert dag.get_task("dates.replay").downstream_task_ids == {"dates.reconcile"}
    assert dag.get_task("dates.reconcile").downstream_task_ids == {"dates.conclude"}
    assert {task.task_id for task in dag.tasks if task.outlets} == {"dates.reconcile"}
    assert dag.get_task("dates.reconcile").outlets[0].name == "spotify_staging"


def test_it_runs_by_hand_and_sets_its_partition_keys(dag: DAG) -> None:
    assert isinstance(dag.timetable, PartitionedAtRuntime)
    assert dag.max_active_runs == 1
    assert all(task.retries >= 3 for task in dag.tasks)
    named = [task for task in dag.tasks if task.task_id.startswith("dates.")]
    assert {task.map_index_template for task in named} == {"{{ label }}"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("from", "22.11.2026"), ("from", None), ("sources", "first"), ("sources", [1]), ("engine", "flink")],
)
def test_an_invalid_parameter_is_refused_at_the_trigger(dag: DAG, name: str, value: object) -> None:
    good = {"from": "2026-11-05", "to": "2026-11-06", "sources": ["first"], "engine": "spark"}
    for key, fine in good.items():
        assert dag.params.get_param(key).resolve(fine) == fine
    with pytest.raises(ParamValidationError):
        dag.params.get_param(name).resolve(value)


def test_each_date_is_one_unit_with_a_readable_name() -> None:
    units = units_of([*days(2), Replay(DAY + timedelta(days=9), ("one", "two"))])
    assert [unit["label"] for unit in units] == [
        "2026-11-05, 1 source", "2026-11-06, 1 source", "2026-11-14, 2 sources",
    ]  # fmt: skip
    assert units[2]["partitions"] == [{"partition": "2026-11-14", "sources": ["one", "two"]}]


def test_more_dates_than_airflow_can_map_share_units() -> None:
    planned = days(2_500)
    units = units_of(planned)
    assert len(units) <= MAX_UNITS < 1_024
    assert [entry["partition"] for unit in units for entry in unit["partitions"]] == [
        str(replay.partition) for replay in planned
    ]
    assert units[0]["label"] == "2026-11-05 to 2026-11-07, 3 sources"


def test_with_spark_a_unit_is_a_span_of_dates() -> None:
    units = units_of(days(70), 31, engine="spark")
    assert [len(unit["partitions"]) for unit in units] == [31, 31, 8]
    assert {unit["engine"] for unit in units} == {"spark"}
    assert units[2]["label"] == "2027-01-06 to 2027-01-13, 8 sources"
    assert {unit["engine"] for unit in units_of(days(2))} == {"local"}


def test_the_event_of_one_date_equals_that_of_an_ingest() -> None:
    verdict = Verdict(["first"], {"second": "quota"}, {"third": "bad"})
    assert summary_of({"2026-11-05": verdict}) == vars(verdict)


def test_the_event_of_several_dates_names_sources_with_dates() -> None:
    verdicts = {"2026-11-06": Verdict(["a"]), "2026-11-05": Verdict(["a"], {}, {"b": "bad"})}
    assert summary_of(verdicts) == {
        "complete": ["2026-11-05 a", "2026-11-06 a"], "partial": {}, "failed": {"2026-11-05 b": "bad"},
    }  # fmt: skip
