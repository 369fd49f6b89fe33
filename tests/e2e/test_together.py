"""Two partitions of ingest beside a transform, through the real scheduler: nobody fails for the other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from spotify_pipeline import connections
from spotify_pipeline.local.health import NotReady, wait_until

from .conftest import ALBUMS, ARTISTS, FIRST_DAY, INGEST, SECOND_DAY, TRACKS, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
BOTH = (FIRST_DAY, SECOND_DAY)


def test_two_partitions_come_in_while_the_marts_are_built(running: Running) -> None:
    """Both end published. A run whose test met two ages of staging fails, and asks for another one."""
    running.set_day(FIRST_DAY)
    assert running.ended(INGEST, running.api.trigger(INGEST, FIRST_DAY.isoformat()))["state"] == "success"
    running.set_day(SECOND_DAY)
    since = datetime.now(UTC)
    transform = running.api.trigger(TRANSFORM, FIRST_DAY.isoformat())
    ingests = [running.api.trigger(INGEST, day.isoformat()) for day in BOTH]

    for run in ingests:
        assert running.ended(INGEST, run)["state"] == "success"
    first = running.ended(TRANSFORM, transform)

    def at_rest() -> None:
        runs = [running.api.runs(TRANSFORM, day.isoformat(), queued_after=since) for day in BOTH]
        newest = [of_day[-1]["state"] if of_day else None for of_day in runs]
        if newest != ["success", "success"]:  # a failed one is followed by the run that it asked for
            raise NotReady(f"the newest runs are {newest}")

    wait_until(at_rest, timeout=600, what="transforms of both partitions", poll=1)
    for task in running.api.tasks(TRANSFORM, transform):
        if task["operator_name"] == "RunModel" and first["state"] == "success":
            assert (task["state"], task["try_number"]) == ("success", 1)
    rows = {name: table["rows"] for name, table in running.checksums().items()}
    assert rows["staging.tracks"] == rows["marts.dim_track"] == (ARTISTS + 1) * ALBUMS * TRACKS
    with running.warehouse(connections.WAREHOUSE_READER) as connection:
        published = {row[0] for row in connection.execute("SELECT partition FROM ops.publication").fetchall()}
    assert set(BOTH) <= published
    with running.warehouse(connections.WAREHOUSE_OWNER) as connection:
        deadlocks = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert deadlocks == (0,)
