"""Runs both engines on a pipeline, and reads everything that they have written."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from spotify_pipeline.spark.engine import replay_span
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.replay import plan_replay, reconcile_replay, replay_partition
from tests.faults.oracle import State, capture
from tests.integration.pipeline import Pipeline, without_spotify
from tests.integration.spark.conftest import DAYS

States = dict[date, list[SourceState]]


def with_spark(
    pipeline: Pipeline, spark: Any, run_id: str = "spark", first: date = DAYS[0], last: date = DAYS[-1]
) -> States:
    runtime = without_spotify(pipeline.runtime, run_id)
    states = replay_span(runtime, spark, plan_replay(runtime, first, last))
    return reconciled(pipeline, states, run_id)


def with_local(
    pipeline: Pipeline, run_id: str = "local", first: date = DAYS[0], last: date = DAYS[-1]
) -> States:
    runtime = without_spotify(pipeline.runtime, run_id)
    planned = plan_replay(runtime, first, last)
    states = {replay.partition: replay_partition(runtime, replay) for replay in planned}
    return reconciled(pipeline, states, run_id)


def reconciled(pipeline: Pipeline, states: States, run_id: str) -> States:
    runtime = without_spotify(pipeline.runtime, run_id)
    for partition, of_partition in states.items():
        reconcile_replay(runtime, partition, of_partition)
    return states


def found(pipeline: Pipeline) -> State:
    """Return all rows and objects that must be equal; of the detail queue only open entries."""
    state = capture(pipeline.runtime.lookup("warehouse_owner"), pipeline.lake, exact=True)
    queue = pipeline.query(
        "SELECT record_kind, record_id, enqueued_on, asked_on FROM ops.detail_queue WHERE done_on IS NULL"
    )
    tables = dict(state.tables) | {"ops.detail_queue": Counter(map(str, queue))}
    return State(tables, state.objects)


def differences(left: State, right: State) -> dict[str, Any]:
    tables = {
        name: (left.tables.get(name, Counter()) - rows, rows - left.tables.get(name, Counter()))
        for name, rows in right.tables.items()
        if rows != left.tables.get(name, Counter())
    }
    objects = {
        key: (left.objects.get(key), right.objects.get(key))
        for key in left.objects.keys() | right.objects.keys()
        if left.objects.get(key) != right.objects.get(key)
    }
    return tables | objects
