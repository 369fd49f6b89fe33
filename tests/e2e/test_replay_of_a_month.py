"""Tests a replay of 31 dates through the real scheduler: each is published, with few builds of dbt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spotify_pipeline import connections
from spotify_pipeline.sources import Source, load_sources
from spotify_pipeline.stages.clients import Clients
from spotify_pipeline.stages.fetch import fetch_source
from spotify_pipeline.stages.runtime import Runtime
from spotify_stack import airflow_environment
from spotify_stack.demo import task_log
from spotify_stack.health import NotReady, wait_until

from .conftest import REPORT, SECOND_DAY, TRANSFORM, Running
from .test_chain_assets import asset_events, call
from .test_replay_and_maintenance import REPLAY

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1500)]
MONTH = [SECOND_DAY + timedelta(days=30 + number) for number in range(31)]
# a date that is loaded while a build runs is not in it and needs another one
MOST_BUILDS = 3


def store_raw(running: Running) -> None:
    """Fetch one source on every date, without Airflow."""
    environ = airflow_environment.connection_variables(running.state)
    runtime = Runtime(lookup=lambda conn_id: connections.from_environment(conn_id, environ))
    running.set_day(MONTH[0])
    source: Source = load_sources(running.state.paths.sources)[0]
    for day in MONTH:
        running.control.set_clock(f"{day}T06:00:00Z")
        with Clients(runtime) as clients:
            fetch_source(runtime, clients, day, source)


def test_a_replay_of_31_dates_builds_three_times_at_most(running: Running, first_day: object) -> None:
    store_raw(running)
    running.api.pause(REPORT)
    since = datetime.now(UTC)
    try:
        dates = {"from": MONTH[0].isoformat(), "to": MONTH[-1].isoformat()}
        replay = running.api.trigger(REPLAY, conf=dates)
        assert running.ended(REPLAY, replay)["state"] == "success"
        wait_until_published(running, since)
    finally:
        running.api.unpause(REPORT)

    with running.warehouse(connections.WAREHOUSE_READER) as conn:
        builds = conn.execute(
            "SELECT DISTINCT run_id FROM ops.dbt_result WHERE task_id = 'marts.dim_track.run'"
            " AND recorded_at > %s",
            [since],
        ).fetchall()
        published = conn.execute(
            "SELECT partition, run_id, switched_at, load_seq FROM ops.publication WHERE partition = ANY(%s)",
            [MONTH],
        ).fetchall()
        [newest] = conn.execute("SELECT max(load_seq) FROM ops.load").fetchone() or (None,)
    runs = {run_id: partition for partition, run_id, _, _ in published}
    assert 1 <= len(builds) <= MOST_BUILDS
    assert sorted(runs.values()) == MONTH, "each date has a row, and a run of its own"
    assert len({switched_at for _, _, switched_at, _ in published}) == len(builds)
    assert max(load_seq for *_, load_seq in published) == newest

    events = asset_events(running, asset_id=marts_asset(running))
    keys = {event["partition_key"] for event in events if event["source_run_id"] in runs}
    assert keys == {day.isoformat() for day in MONTH}

    without_build = next(run_id for run_id in runs if (run_id,) not in builds)
    states = running.task_states(TRANSFORM, without_build)
    assert states["publish"] == states["announce"] == "success"
    assert states["marts.dim_track.run"] == states["catch_up"] == "skipped"
    [mark] = [t for t in running.api.tasks(TRANSFORM, without_build) if t["task_id"] == "watermark"]
    assert (
        "staging and the dbt project have not changed since the last publication"
        in task_log(running.state, TRANSFORM, mark).read_text()
    )


def marts_asset(running: Running) -> int:
    """Return the id of the asset of all marts."""
    found = call(running, "GET", "/assets", params={"name_pattern": "spotify_marts"})["assets"]
    return next(int(asset["id"]) for asset in found if asset["name"] == "spotify_marts")


def wait_until_published(running: Running, since: datetime) -> None:
    """Wait for a row of each date written after `since`; a run that failed fails the test."""

    def check() -> None:
        with running.warehouse(connections.WAREHOUSE_READER) as conn:
            row = conn.execute(
                "SELECT count(*) FROM ops.publication WHERE partition = ANY(%s) AND published_at > %s",
                [MONTH, since],
            ).fetchone()
        if row != (len(MONTH),):
            raise NotReady(f"{row} dates are published")

    wait_until(check, timeout=1200, what="publication of every date", poll=2)
    for day in MONTH:
        assert running.next_run(TRANSFORM, day, since)["state"] == "success"
