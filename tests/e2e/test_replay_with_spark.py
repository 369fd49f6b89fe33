"""Tests spotify_replay with engine spark through the real scheduler: spans wait for each other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from spotify_pipeline.errors import EngineMissing
from spotify_pipeline.spark.session import require_spark
from spotify_stack.demo import task_log
from spotify_stack.summary import lake

from .conftest import FIRST_DAY, REPORT, SECOND_DAY, TRANSFORM, Running
from .test_replay_and_maintenance import DAYS, REPLAY, ensure_loaded, instances

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_replay_with_spark_changes_nothing(running: Running) -> None:
    try:
        require_spark()
    except EngineMissing as error:
        pytest.skip(str(error))
    for day in DAYS:
        ensure_loaded(running, day)
    before = running.checksums()
    objects = {key: lake(running.state).get(key).data for key in lake(running.state).keys("validated/")}
    running.control.reset_calls()
    since = datetime.now(UTC)

    dates = {"from": FIRST_DAY.isoformat(), "to": SECOND_DAY.isoformat()}
    run_id = running.api.trigger(REPLAY, conf=dates | {"engine": "spark"})
    assert running.ended(REPLAY, run_id)["state"] == "success"

    # the stack's spans are of one date, so that there are two
    tasks = instances(running, run_id)["dates.replay"]
    assert sorted(task["rendered_map_index"].split(",")[0] for task in tasks) == sorted(map(str, DAYS))
    assert {task["try_number"] for task in tasks} == {1}, "waiting for the other span counts as no try"
    assert all("folding" in task_log(running.state, REPLAY, task).read_text() for task in tasks)
    for day in DAYS:
        assert running.next_run(TRANSFORM, day, since)["state"] == "success"
        assert running.next_run(REPORT, day, since)["state"] == "success"
    assert running.control.calls().total == 0
    assert running.checksums() == before
    assert {key: lake(running.state).get(key).data for key in objects} == objects
    with running.warehouse() as conn:
        runs = conn.execute(
            "SELECT DISTINCT partition FROM ops.load WHERE run_id = %s ORDER BY 1", [run_id]
        ).fetchall()
    assert runs == [(day,) for day in DAYS]
