"""Promise 3: the driver is killed while rows land or are merged; a retry ends as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from tests.integration.spark.conftest import DAYS, MASTER, World
from tests.integration.spark.engines import differences, empty, found, with_local, with_spark
from tests.integration.steps.commands import environment

from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.merge import LOAD_LOCK

COMMAND = "from spotify_pipeline.cli import app; app()"


@contextmanager
def replaying(world: World) -> Iterator[subprocess.Popen[bytes]]:
    """The command, in a session of its own; whatever of it is left in the end is ended."""
    dates = ["--from", str(DAYS[0]), "--to", str(DAYS[-1])]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", COMMAND, "replay", *dates, "--engine", "spark", "--master", MASTER],
        env=os.environ | environment(world),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def landed(world: World) -> int:
    return int(str(world.query("SELECT count(*) FROM landing.track_observations")[0][0]))


def waiting(world: World) -> bool:
    """Whether somebody waits for a lock of this database."""
    query = (
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
        " AND cardinality(pg_blocking_pids(pid)) > 0"
    )
    return bool(world.query(query)[0][0])


LANDING = "LOCK TABLE landing.source_records IN ACCESS EXCLUSIVE MODE"
MERGE = f"SELECT pg_advisory_lock({LOAD_LOCK})"


@pytest.mark.parametrize("held", [LANDING, MERGE], ids=["while rows land", "in the merge"])
def test_promise_3_a_driver_that_is_killed_leaves_nothing_to_see_and_its_retry_ends_well(
    loaded: World, spark: Any, held: str
) -> None:
    empty(loaded)
    with_local(loaded)
    expected = found(loaded)
    empty(loaded)
    before = found(loaded)
    with connect(loaded.runtime.lookup("warehouse_owner")) as conn:
        conn.execute(held.encode())
        with replaying(loaded) as process:
            wait_until(lambda: waiting(loaded) or process.poll() is not None, "the replay meets the lock")
            assert process.poll() is None, process.communicate()
            assert landed(loaded) > 0
            children = children_of(process)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            psutil.wait_procs(children, timeout=60)
            assert not [child for child in children if child.is_running()]
        conn.rollback()
    tables = {name: rows for name, rows in found(loaded).tables.items() if not name.startswith("ops.step")}
    assert {name: tables[name] for name in before.tables if name in tables} == dict(before.tables)
    # the batch of one that is gone is removed by the next
    assert loaded.query("SELECT count(*) FROM landing.batch") == [(1,)]

    with_spark(loaded, spark, "retry")

    assert differences(expected, found(loaded)) == {}
    assert loaded.query("SELECT count(*) FROM landing.batch") == [(0,)]
    assert landed(loaded) == 0
