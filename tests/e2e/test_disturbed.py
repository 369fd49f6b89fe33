"""Tests the chain with killed processes and with bad data, through the real scheduler.

The tests share one stack and run in the order of this file.
"""

from __future__ import annotations

import os
import signal
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psutil
import pytest

from spotify_pipeline import connections
from spotify_stack import processes
from spotify_stack.health import NotReady, wait_until

from .conftest import ALBUMS, ARTISTS, INGEST, REPORT, SECOND_DAY, TRACKS, TRANSFORM, Running
from .mart_watch import watched_marts
from .test_chain_assets import asset_events

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
DAY = SECOND_DAY + timedelta(days=1)
TRACK_COUNT = (ARTISTS + 1) * ALBUMS * TRACKS
BAD_ID = "no Spotify id"


def task_process(running: Running, task: dict[str, Any]) -> psutil.Process:
    """Return the process that runs a task, not its supervisor, which has the id in its title too."""
    found: list[psutil.Process] = []

    def check() -> None:
        for process in processes.of_stack(running.stack.paths):
            title = " ".join(process.cmdline())
            if task["id"] in title and "LocalExecutor" not in title:
                found.append(process)
        if not found:
            raise NotReady("it has no process yet")

    wait_until(check, timeout=60, what=f"process of {task['task_id']}", poll=0.1)
    return found[-1]


def running_task(running: Running, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
    """Wait until a task runs, and return it."""
    found: list[dict[str, Any]] = []

    def check() -> None:
        tasks = running.api.tasks(dag_id, run_id)
        found[:] = [t for t in tasks if t["task_id"] == task_id and t["state"] == "running"]
        if not found:
            raise NotReady("it does not run yet")

    wait_until(check, timeout=120, what=f"{task_id} of {run_id}", poll=0.2)
    return found[0]


def run_of(running: Running, dag_id: str, since: datetime, day: date = DAY) -> str:
    """Wait until a run of a day is queued, and return its id."""

    def check() -> None:
        if not running.api.runs(dag_id, day.isoformat(), queued_after=since):
            raise NotReady("there is no such run")

    wait_until(check, timeout=60, what=f"{dag_id} of {day}", poll=0.3)
    return str(running.api.runs(dag_id, day.isoformat(), queued_after=since)[0]["dag_run_id"])


def models_built_by_other_tasks(running: Running, run_id: str) -> dict[str, int]:
    """Return models with a result of a later try than their own task had: another task's retry built them."""
    tries = {}
    for task in running.api.tasks(TRANSFORM, run_id):
        if task["operator_name"] == "RunModel":
            name = task["task_id"].split(".")[-2]
            tries[f"model.spotify.{name}"] = task["try_number"]
    with running.warehouse(connections.WAREHOUSE_READER) as connection:
        built = connection.execute(
            "SELECT unique_id, max(try_number) FROM ops.dbt_result "
            "WHERE run_id = %s AND resource_type = 'model' AND task_id <> 'catch_up' GROUP BY unique_id",
            [run_id],
        ).fetchall()
    assert {node for node, _ in built} == tries.keys()
    return {node: number for node, number in built if number > tries[node]}


def test_promise_3_killed_anywhere_same_result(running: Running) -> None:
    """A task is killed during its calls, and the warehouse while dbt runs."""
    running.set_day(DAY)
    since = datetime.now(UTC)
    running.control.add_fault("latency", path="/v1/albums/", seconds=2.0, times=40)
    ingest = running.api.trigger(INGEST, DAY.isoformat())
    fetch = running_task(running, INGEST, ingest, "sources.fetch")
    task_process(running, fetch).send_signal(signal.SIGKILL)
    running.control.clear_faults()
    assert running.ended(INGEST, ingest)["state"] == "success"
    again = [t for t in running.api.tasks(INGEST, ingest) if t["id"] == fetch["id"] or t["try_number"] > 1]
    assert [t["try_number"] for t in again if t["task_id"] == "sources.fetch"] == [2]

    transform = run_of(running, TRANSFORM, since)
    running_task(running, TRANSFORM, transform, "staging.stg_tracks.run")
    for process in processes.of_stack(running.stack.paths, service="warehouse-postgres"):
        os.kill(process.pid, signal.SIGKILL)
    assert running.ended(TRANSFORM, transform)["state"] == "success"
    assert models_built_by_other_tasks(running, transform) == {}, "a retry builds only its own model"
    assert running.next_run(REPORT, DAY, since)["state"] == "success"

    rows = {name: table["rows"] for name, table in running.checksums().items()}
    assert rows["staging.tracks"] == rows["marts.dim_track"] == TRACK_COUNT
    with running.warehouse() as connection:
        wrong = connection.execute(
            "SELECT count(*) FROM ops.reconciliation WHERE status <> 'complete' "
            "OR fetched <> loaded + quarantined + duplicates + set_aside"
        ).fetchone()
    assert wrong == (0,)


def publications(running: Running) -> list[tuple[Any, ...]]:
    with running.warehouse(connections.WAREHOUSE_READER) as connection:
        return connection.execute("SELECT * FROM ops.publication ORDER BY partition").fetchall()


def test_promise_7_downstream_sees_only_tested_data(running: Running) -> None:
    """Tests of a bad row fail without a retry, all others pass, and nothing is published until a fix."""
    before = publications(running)
    with watched_marts(running) as seen:
        _fail_then_repair(running, before)
    assert len(seen) == 2, "the publication before, and the one after the fix"
    assert all(len(contents) == 1 for contents in seen.values())


def _fail_then_repair(running: Running, before: list[tuple[Any, ...]]) -> None:
    since = datetime.now(UTC)
    with running.warehouse(connections.WAREHOUSE_OWNER) as connection:
        connection.execute(
            "INSERT INTO staging.tracks (track_id, name, artist_ids, duration_ms, listing_observed_at, "
            "listing_rank, listing_raw_key, first_seen_on, last_seen_on, load_seq) "
            "SELECT %s, 'Bad', artist_ids, duration_ms, listing_observed_at, 0, 'raw/none', first_seen_on, "
            "last_seen_on, nextval('ops.load_seq_seq') FROM staging.tracks LIMIT 1",
            [BAD_ID],
        )
    assert running.ended(INGEST, running.api.trigger(INGEST, DAY.isoformat()))["state"] == "success"
    transform = run_of(running, TRANSFORM, since)
    assert running.ended(TRANSFORM, transform)["state"] == "failed"
    tasks = {t["task_id"]: t for t in running.api.tasks(TRANSFORM, transform)}
    failed = [t for t in tasks.values() if t["state"] == "failed"]
    assert failed
    assert {t["operator_name"] for t in failed} == {"RunDataTest"}
    assert {t["try_number"] for t in failed} == {1}, "a retry does not repair bad data"
    assert tasks["publish"]["state"] == "upstream_failed"
    assert tasks["build_again"]["state"] == "skipped", (
        "no load came in between, so a second build cannot help"
    )
    done = {name: t["start_date"] for name, t in tasks.items() if t["state"] == "success"}
    assert len(done) > 20
    assert running.api.runs(REPORT, DAY.isoformat(), queued_after=since) == []
    assert publications(running) == before
    assert asset_events(running, source_dag_id=TRANSFORM, source_run_id=transform) == []

    with running.warehouse(connections.WAREHOUSE_OWNER) as connection:
        connection.execute("DELETE FROM staging.tracks WHERE track_id = %s", [BAD_ID])
    running.api.clear_failed(TRANSFORM, transform)
    assert running.ended(TRANSFORM, transform)["state"] == "success"
    after = {t["task_id"]: t["start_date"] for t in running.api.tasks(TRANSFORM, transform)}
    assert {name: after[name] for name in done} == done, "only failed tasks, and those after them, ran again"
    assert running.next_run(REPORT, DAY, since)["state"] == "success"
    assert len(publications(running)) == len(before)
