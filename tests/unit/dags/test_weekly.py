"""Tests the DAG spotify_weekly: which days a week waits for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.partition_mappers.base import RollupMapper
from airflow.sdk import DAG, PartitionedAssetTimetable
from airflow.serialization.decoders import decode_partition_mapper
from airflow.serialization.encoders import encode_partition_mapper

from spotify_pipeline.orchestration.assets import MARTS
from spotify_pipeline.settings import PROJECT_ROOT


@pytest.fixture(scope="module")
def dag() -> DAG:
    bag = DagBag(str(PROJECT_ROOT / "dags" / "spotify_weekly.py"))
    assert bag.import_errors == {}
    found: DAG = bag.dags["spotify_weekly"]
    return found


@pytest.fixture(scope="module")
def mapper(dag: DAG) -> RollupMapper:
    """Return the mapper as the scheduler has it, after it was serialised and read back."""
    assert isinstance(dag.timetable, PartitionedAssetTimetable)
    found = decode_partition_mapper(encode_partition_mapper(dag.timetable.default_partition_mapper))
    assert isinstance(found, RollupMapper)
    return found


def test_it_is_scheduled_by_the_tested_marts(dag: DAG) -> None:
    assert dag.timetable.asset_condition == MARTS
    assert dag.max_active_runs == 1
    assert [task.task_id for task in dag.tasks if task.outlets] == []


def test_the_keys_of_a_week_become_one_key(mapper: RollupMapper) -> None:
    monday = date(2026, 11, 16)
    week = {str(monday + timedelta(days=number)) for number in range(7)}
    assert {mapper.to_downstream(day) for day in week} == {"2026-11-16 (W47)"}
    assert mapper.to_downstream("2026-11-23") == "2026-11-23 (W48)"
    assert mapper.to_upstream("2026-11-16 (W47)") == week


@pytest.mark.parametrize(("missing", "starts"), [(0, True), (1, False), (6, False)])
def test_a_week_starts_after_all_its_days(mapper: RollupMapper, missing: int, starts: bool) -> None:
    expected = mapper.to_upstream("2026-11-16 (W47)")
    published = set(sorted(expected)[missing:])
    assert mapper.wait_policy.is_satisfied_by_keys(matched=published, expected=expected).satisfied is starts
