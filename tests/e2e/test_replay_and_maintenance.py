"""Tests spotify_replay and spotify_maintenance through the real scheduler."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from spotify_pipeline.errors import PipelineError
from spotify_stack.demo import last_error, task_log
from spotify_stack.summary import lake

from .conftest import FIRST_DAY, INGEST, REPORT, SECOND_DAY, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
REPLAY, MAINTENANCE = "spotify_replay", "spotify_maintenance"
DAYS = (FIRST_DAY, SECOND_DAY)


def ensure_loaded(running: Running, day: date) -> None:
    """Load and publish a partition unless an earlier test has done so."""
    if lake(running.state).keys(f"raw/ingest_date={day}/"):
        return
    running.set_day(day)
    since = datetime.now(UTC)
    assert running.ended(INGEST, running.api.trigger(INGEST, day.isoformat()))["state"] == "success"
    assert running.next_run(TRANSFORM, day, since)["state"] == "success"


def instances(running: Running, run_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return the task instances of a replay by task id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for task in running.api.tasks(REPLAY, run_id):
        found.setdefault(task["task_id"], []).append(task)
    return found


def test_a_replay_starts_one_transform_per_key_without_calls(
    running: Running,
) -> None:
    for day in DAYS:
        ensure_loaded(running, day)
    # the transform of a day that an earlier test loaded may still be queued
    run_id = running.api.trigger(TRANSFORM, SECOND_DAY.isoformat())
    assert running.ended(TRANSFORM, run_id)["state"] == "success"
    before = running.checksums()
    objects = {key: lake(running.state).get(key).data for key in lake(running.state).keys("validated/")}
    running.control.reset_calls()
    since = datetime.now(UTC)

    run_id = running.api.trigger(REPLAY, conf={"from": FIRST_DAY.isoformat(), "to": SECOND_DAY.isoformat()})
    assert running.ended(REPLAY, run_id)["state"] == "success"

    for day in DAYS:
        assert running.next_run(TRANSFORM, day, since)["state"] == "success"
        assert running.next_run(REPORT, day, since)["state"] == "success"
        assert len(running.api.runs(TRANSFORM, day.isoformat(), queued_after=since)) == 1
    for task_id, mapped in instances(running, run_id).items():
        if task_id == "plan":
            continue
        names = sorted(task["rendered_map_index"] for task in mapped)
        assert [name.split(",")[0] for name in names] == [day.isoformat() for day in DAYS], task_id
    assert running.control.calls().total == 0
    assert running.checksums() == before
    assert {key: lake(running.state).get(key).data for key in objects} == objects
    with running.warehouse() as conn:
        runs = conn.execute(
            "SELECT DISTINCT partition FROM ops.load WHERE run_id = %s ORDER BY 1", [run_id]
        ).fetchall()
    assert runs == [(day,) for day in DAYS]


def test_a_bad_range_gives_one_sentence_and_no_retry(running: Running) -> None:
    run_id = running.api.trigger(REPLAY, conf={"from": "2019-01-01", "to": "2019-01-31"})
    assert running.ended(REPLAY, run_id)["state"] == "failed"
    [plan] = instances(running, run_id)["plan"]
    assert plan["try_number"] == 1
    message = last_error(task_log(running.state, REPLAY, plan))
    assert "nothing is kept from 2019-01-01 to 2019-01-31: the oldest raw is of" in message
    with pytest.raises(PipelineError, match="engine"):
        running.api.trigger(REPLAY, conf={"from": "2019-01-01", "to": "2019-01-31", "engine": "abacus"})


def test_a_dry_run_of_maintenance_removes_nothing(
    running: Running,
) -> None:
    ensure_loaded(running, FIRST_DAY)
    before = running.checksums(), lake(running.state).keys("")
    run_id = running.api.trigger(MAINTENANCE, conf={"dry_run": True})
    assert running.ended(MAINTENANCE, run_id)["state"] == "success"
    # a real run finds nothing old enough: the sandbox's date is close to those of the data
    run_id = running.api.trigger(MAINTENANCE)
    assert running.ended(MAINTENANCE, run_id)["state"] == "success"
    assert (running.checksums(), lake(running.state).keys("")) == before
    with running.warehouse("warehouse_reader") as conn:
        found = conn.execute("SELECT as_of, removed FROM ops.maintenance_run ORDER BY id").fetchall()
    assert found
    assert {as_of.year for as_of, _ in found} == {FIRST_DAY.year}
    assert not any(sum(removed.values()) for _, removed in found)
