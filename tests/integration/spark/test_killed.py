"""Tests promise 3: the driver is killed while rows land or are merged, and a retry gives the same result."""

from __future__ import annotations

import os
import signal
from typing import Any

import psutil
import pytest

from tests.integration.pipeline import Pipeline
from tests.integration.spark.conftest import empty
from tests.integration.spark.driving import LANDING, MERGE, held_at
from tests.integration.spark.engines import differences, found, with_local, with_spark

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.mark.parametrize("lock", [LANDING, MERGE], ids=["while rows land", "in the merge"])
def test_promise_3_a_killed_driver_leaves_nothing_behind(two_days: Pipeline, spark: Any, lock: str) -> None:
    with_local(two_days)
    expected = found(two_days)
    empty(two_days)
    before = found(two_days)
    with held_at(two_days, lock) as process:
        assert landed(two_days) > 0
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("java" in child.name() for child in children)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        # its JVM and its workers end with it
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    assert found(two_days).tables == before.tables
    # the batch of one that is gone is removed by the next
    assert two_days.query("SELECT count(*) FROM landing.batch") == [(1,)]

    with_spark(two_days, spark, "retry")

    assert differences(expected, found(two_days)) == {}
    assert two_days.query("SELECT count(*) FROM landing.batch") == [(0,)]
    assert landed(two_days) == 0


def landed(pipeline: Pipeline) -> int:
    return int(str(pipeline.query("SELECT count(*) FROM landing.track_observations")[0][0]))
