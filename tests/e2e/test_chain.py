"""The partition-keyed chain, ingest to report, through the real scheduler.

The tests share one stack and run in the order of this file.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from spotify_pipeline.sources import load_sources
from spotify_stack.airflow_environment import dbt_docs_url
from spotify_stack.dbt_manifest import MANIFEST
from spotify_stack.demo import last_error, task_log
from spotify_stack.summary import dbt_nodes, lake

from .conftest import ALBUMS, ARTISTS, FIRST_DAY, INGEST, REPORT, SECOND_DAY, TRACKS, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_a_run_of_another_date_is_skipped_and_emits_nothing(
    running: Running,
) -> None:
    """Promise 5. The scheduler has made today's run by itself; the sandbox is in 2021."""
    today = running.started_at.astimezone(UTC).date()
    run = running.next_run(INGEST, today, running.started_at - timedelta(minutes=1), timeout=120)
    assert (run["run_type"], run["state"]) == ("scheduled", "success")
    assert running.task_states(INGEST, run["dag_run_id"])["plan"] == "skipped"
    assert running.api.runs(TRANSFORM, today.isoformat()) == []


def test_the_demo_runs_the_whole_chain_and_prints_results(running: Running, tmp_path: Path) -> None:
    """It triggers the partition by REST, with its key."""
    summary = running.demo(FIRST_DAY, tmp_path)
    [partition] = summary["partitions"]
    assert partition["date"] == FIRST_DAY.isoformat()
    assert partition["dag_runs"] == dict.fromkeys((INGEST, TRANSFORM, REPORT), "success")
    assert set(partition["seconds"]) == {INGEST, TRANSFORM, REPORT}
    assert partition["sources"] == len(load_sources(running.state.paths.sources))
    # an artist, its albums once listed and once fetched, their tracks
    assert partition["fetched"] == ARTISTS * (1 + ALBUMS * (2 + TRACKS))
    assert partition["loaded"] == ARTISTS * (1 + ALBUMS * (1 + TRACKS))
    outcomes = ("loaded", "quarantined", "duplicates", "set_aside")
    assert partition["fetched"] == sum(partition[name] for name in outcomes)
    assert partition["api_calls"] > 0

    rows = {name: table["rows"] for name, table in summary["warehouse"].items()}
    assert rows["staging.tracks"] == rows["marts.dim_track"] == ARTISTS * ALBUMS * TRACKS
    assert rows["staging.artists"] == rows["marts.dim_artist"] == ARTISTS
    assert summary["warehouse"] == running.checksums()
    assert set(summary["objects"]) == {"raw", "validated", "quarantine"}
    assert summary["objects"]["raw"] > 0
    assert summary["airflow"] == running.state.airflow_url
    page = Path(summary["report"]).read_bytes()
    assert b"Artist 0" in page
    assert lake(running.state).get(f"reports/ingest_date={FIRST_DAY}/report.html").data == page


def test_every_data_test_is_an_airflow_task_of_its_own(running: Running) -> None:
    run = running.api.runs(TRANSFORM, FIRST_DAY.isoformat())[0]
    tasks = running.api.tasks(TRANSFORM, run["dag_run_id"])
    of_tests = [task for task in tasks if task["operator_name"] == "RunDataTest"]
    assert len({task["task_id"] for task in of_tests}) == dbt_nodes(MANIFEST)["tests"] >= 60
    assert {task["state"] for task in of_tests} == {"success"}


def test_dbt_s_documentation_is_in_the_lake_and_airflow_shows_it(running: Running) -> None:
    run = running.api.runs(TRANSFORM, FIRST_DAY.isoformat())[0]
    assert running.task_states(TRANSFORM, run["dag_run_id"])["write_docs"] == "success"
    stored = documentation(running)
    address = dbt_docs_url(running.state)
    page = httpx.get(address, trust_env=False)
    assert page.status_code == 200
    assert len(page.text) >= len(stored["docs/dbt/index.html"].decode())
    catalog = httpx.get(address.replace("dbt_docs_index.html", "catalog.json"), trust_env=False).json()
    assert catalog == json.loads(stored["docs/dbt/catalog.json"])
    assert len(catalog["nodes"]) == sum(dbt_nodes(MANIFEST)[kind] for kind in ("models", "seeds"))


def documentation(running: Running) -> dict[str, bytes]:
    found = lake(running.state)
    return {key: found.get(key).data for key in found.keys("docs/")}


def test_run_twice_same_result(running: Running, tmp_path: Path) -> None:
    """Promise 1, through Airflow: no row changes, no page either, and nothing is asked of Spotify."""
    before, described = running.checksums(), documentation(running)
    summary = running.demo(FIRST_DAY, tmp_path)
    assert summary["warehouse"] == before
    assert documentation(running) == described
    assert summary["partitions"][0]["api_calls"] == 0
    assert len(running.api.runs(TRANSFORM, FIRST_DAY.isoformat())) == 2


def test_airflow_backfill_skips_dates_that_are_not_the_api_s(running: Running) -> None:
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


def test_a_malformed_sources_file_is_named_with_its_line(
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
    assert failed["try_number"] == 1, "trying again could not help"
    said = last_error(task_log(running.state, INGEST, failed))
    assert "sources.yml:4:" in said, "the file and the line"
    assert "podcast" in said

    sources.write_text(good)
    running.api.clear_failed(INGEST, run_id)
    assert running.ended(INGEST, run_id)["state"] == "success"
    assert running.checksums()["staging.tracks"]["rows"] == (ARTISTS + 1) * ALBUMS * TRACKS
