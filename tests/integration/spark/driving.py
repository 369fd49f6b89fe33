"""Runs the replay command in a process of its own, whose child is Spark's JVM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.merge import LOAD_LOCK
from tests.integration.pipeline import Pipeline
from tests.integration.spark.conftest import DAYS, MASTER
from tests.integration.stages.commands import environment

LANDING = "LOCK TABLE landing.source_records IN ACCESS EXCLUSIVE MODE"
MERGE = f"SELECT pg_advisory_xact_lock({LOAD_LOCK})"
_COMMAND = "from spotify_pipeline.cli.main import app; app()"


@contextmanager
def replaying(pipeline: Pipeline, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `spotify-pipeline replay --engine spark`, and end its processes at the end of the block."""
    dates = ["--from", str(DAYS[0]), "--to", str(DAYS[-1])]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", _COMMAND, "replay", *dates, "--engine", "spark"],
        env=os.environ | environment(pipeline) | {"SPOTIFY_PIPELINE_SPARK_MASTER": MASTER} | settings,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


@contextmanager
def held_at(pipeline: Pipeline, lock: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command until it waits for a lock, which is held until the block ends."""
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        conn.execute(lock.encode())
        with replaying(pipeline, **settings) as process:
            try:
                wait_until(
                    lambda: waiting(pipeline) or process.poll() is not None, "the replay meets the lock"
                )
                assert process.poll() is None, "it has ended"
            except AssertionError as error:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGQUIT)  # Java prints the stacks of its threads
                    time.sleep(2)
                    os.killpg(process.pid, signal.SIGKILL)
                said = process.communicate(timeout=60)[0].decode(errors="replace")
                raise AssertionError(f"{error}\n{said}") from None
            yield process
        conn.rollback()


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def waiting(pipeline: Pipeline) -> int:
    """Return the number of sessions that wait for a lock of this database."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND cardinality(pg_blocking_pids(pid)) > 0"
    )
    return int(str(pipeline.query(query)[0][0]))
