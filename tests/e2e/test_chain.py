"""The partition-keyed chain, ingest to report, through the real scheduler.

The tests share one stack and run in the order of this file.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from spotify_pipeline.local.manifest import MANIFEST
from spotify_pipeline.local.summary import lake

from .conftest import ALBUMS, ARTISTS, FIRST_DAY, INGEST, REPORT, SECOND_DAY, TRACKS, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_a_scheduled_run_whose_date_is_not_the_api_s_is_skipped_and_passes_nothing_on(
    running: Running,
) -> None:
    """Promise 5. The scheduler has made today's run by itself; the sandbox is in 2021."""
    today = running.started_at.astimezone(UTC).date()
    run = running.next_run(INGEST, today, running.started_at - timedelta(minutes=1), timeout=120)
    assert (run["run_type"], run["state"]) == ("scheduled", "success")
    assert running.task_states(INGEST, run["dag_run_id"])["plan"] == "skipped"
    assert running.api.runs(TRANSFORM, today.isoformat()) == []


def test_a_rest_trigger_with_a_key_goes_through_the_whole_chain(running: Running) -> None:
    running.set_day(FIRST_DAY)
    runs = running.chain(FIRST_DAY)
    assert [(run["dag_id"], run["state"]) for run in runs] == [
        (INGEST, "success"),
        (TRANSFORM, "success"),
        (REPORT, "success"),
    ]
    assert {run["partition_key"] for run in runs} == {FIRST_DAY.isoformat()}
    rows = {name: table["rows"] for name, table in running.checksums().items()}
    assert rows["staging.tracks"] == rows["marts.dim_track"] == ARTISTS * ALBUMS * TRACKS
    assert rows["staging.artists"] == rows["marts.dim_artist"] == ARTISTS
    page = lake(running.state).get(f"reports/ingest_date={FIRST_DAY}/report.html").data.decode()
    assert "Artist 0" in page


def test_every_data_test_is_an_airflow_task_of_its_own(running: Running) -> None:
    nodes = json.loads(MANIFEST.read_text())["nodes"].values()
    tests = [node["name"] for node in nodes if node["resource_type"] == "test"]
    run = running.api.runs(TRANSFORM, FIRST_DAY.isoformat())[0]
    tasks = running.api.tasks(TRANSFORM, run["dag_run_id"])
    of_tests = [task for task in tasks if task["operator_name"] == "RunDataTest"]
    assert len(of_tests) == len(tests) >= 60
    assert {task["state"] for task in of_tests} == {"success"}


def test_run_twice_same_result(running: Running) -> None:
    """Promise 1, through Airflow: no row changes and nothing is asked of Spotify."""
    before, calls = running.checksums(), running.control.calls().api_total
    runs = running.chain(FIRST_DAY)
    assert [run["state"] for run in runs] == ["success"] * 3
    assert running.checksums() == before
    assert running.control.calls().api_total == calls


def test_airflow_backfill_runs_the_api_s_own_date_and_skips_the_others(running: Running) -> None:
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
