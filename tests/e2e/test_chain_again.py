"""Tests partitions that are run again, backfilled or repaired, through the real scheduler."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spotify_stack.demo import last_error, task_log

from .conftest import ALBUMS, ARTISTS, FIRST_DAY, INGEST, REPORT, SECOND_DAY, TRACKS, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.usefixtures("first_day")
def test_run_twice_same_result(running: Running, tmp_path: Path) -> None:
    """Promise 1, through Airflow: no row and no page changes, and Spotify gets no call."""
    before, pages = running.checksums(), running.documentation()
    summary = running.demo(FIRST_DAY, tmp_path)
    assert summary["warehouse"] == before
    assert running.documentation() == pages
    assert summary["partitions"][0]["api_calls"] == 0
    [_, second] = running.api.runs(TRANSFORM, FIRST_DAY.isoformat())
    states = running.task_states(TRANSFORM, second["dag_run_id"])
    assert states["marts.dim_track.run"] == "skipped", "the second load changed no row"


@pytest.mark.usefixtures("first_day")
def test_a_backfill_runs_only_the_date_of_the_api(running: Running) -> None:
    running.set_day(SECOND_DAY)
    since = datetime.now(UTC)
    third_day = SECOND_DAY + timedelta(days=1)
    running.airflow(
        "backfill", "create", "--dag-id", INGEST,
        "--from-date", SECOND_DAY.isoformat(), "--to-date", third_day.isoformat(),
    )  # fmt: skip
    runs = {day: running.next_run(INGEST, day, since) for day in (SECOND_DAY, third_day)}
    assert {run["run_type"] for run in runs.values()} == {"backfill"}
    plans = {day: running.task_states(INGEST, run["dag_run_id"])["plan"] for day, run in runs.items()}
    assert plans == {SECOND_DAY: "success", third_day: "skipped"}
    assert running.next_run(TRANSFORM, SECOND_DAY, since)["state"] == "success"
    assert running.next_run(REPORT, SECOND_DAY, since)["state"] == "success"
    assert running.checksums()["marts.dim_artist"]["rows"] == ARTISTS + 1
    assert running.api.runs(TRANSFORM, third_day.isoformat()) == []


@pytest.mark.usefixtures("first_day")
def test_a_malformed_sources_file_can_be_fixed_and_retried(
    running: Running,
) -> None:
    running.set_day(SECOND_DAY)
    sources = running.state.paths.sources
    good = sources.read_text()
    sources.write_text("version: 1\nsources:\n  - name: broken\n    kind: podcast\n")
    run_id = running.api.trigger(INGEST, SECOND_DAY.isoformat())
    assert running.ended(INGEST, run_id)["state"] == "failed"
    [failed] = [task for task in running.api.tasks(INGEST, run_id) if task["state"] == "failed"]
    assert failed["task_id"] == "plan"
    assert failed["try_number"] == 1, "a retry cannot help"
    message = last_error(task_log(running.state, INGEST, failed))
    assert "sources.yml:4:" in message, "the error names the file and the line"
    assert "podcast" in message

    sources.write_text(good)
    running.api.clear_failed(INGEST, run_id)
    assert running.ended(INGEST, run_id)["state"] == "success"
    assert running.checksums()["staging.tracks"]["rows"] == (ARTISTS + 1) * ALBUMS * TRACKS
