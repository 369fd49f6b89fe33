"""Runs a second scheduler on the metadata database of a stack, as Airflow allows for high availability."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import psycopg

from spotify_stack import processes, services
from spotify_stack.airflow_environment import METADATA_DATABASE
from spotify_stack.health import NotReady, wait_until
from spotify_stack.paths import AIRFLOW_COMMAND
from spotify_stack.state import SERVICE_VARIABLE, STACK_VARIABLE
from tests.e2e.conftest import Running

NAME = "second-scheduler"
RESTART_SECONDS = 1.0
START_SECONDS = 300
_ALIVE = (
    "SELECT count(*) FROM job WHERE job_type = 'SchedulerJob' AND state = 'running'"
    " AND latest_heartbeat > now() - interval '15 seconds'"
)


@contextmanager
def second_scheduler(running: Running) -> Iterator[None]:
    """Run it until the end of the block, and start it again whenever it ends, as a supervisor does."""
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=[running, ended], name=NAME)
    keeper.start()
    try:
        wait_until(lambda: _check(running), timeout=START_SECONDS, what="a second scheduler", poll=1.0)
        yield
    finally:
        ended.set()
        keeper.join()
        processes.end_survivors(running.state.paths, service=NAME)


def leader(running: Running) -> list[psutil.Process]:
    """Return the scheduler itself, without the workers that it has forked."""
    found = []
    for process in processes.of_stack(running.state.paths, service=NAME):
        with suppress(psutil.Error):
            if process.ppid() == os.getpid():
                found.append(process)
    return found


def _keep(running: Running, ended: threading.Event) -> None:
    marks = {STACK_VARIABLE: str(running.state.paths.root), SERVICE_VARIABLE: NAME}
    with (running.state.paths.root / f"{NAME}.log").open("ab") as log:
        while not ended.is_set():
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [*AIRFLOW_COMMAND, "scheduler", "--skip-serve-logs"],
                env=running.environment() | marks,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            while process.poll() is None and not ended.wait(0.3):
                pass
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            ended.wait(RESTART_SECONDS)


def _check(running: Running) -> None:
    url = services.metadata_postgres(running.state).url(METADATA_DATABASE)
    try:
        with psycopg.connect(url) as conn:
            ((alive,),) = conn.execute(_ALIVE).fetchall()
    except psycopg.OperationalError as error:
        raise NotReady(f"the metadata database does not respond: {error}") from error
    if alive < 2:
        raise NotReady(f"{alive} schedulers have a heartbeat")
