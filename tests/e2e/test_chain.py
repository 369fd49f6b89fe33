"""Tests one partition from ingest to report, through the real scheduler."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from spotify_pipeline.sources import load_sources
from spotify_stack.airflow_environment import dbt_docs_url
from spotify_stack.dbt_manifest import MANIFEST
from spotify_stack.summary import dbt_nodes, lake

from .conftest import ALBUMS, ARTISTS, FIRST_DAY, INGEST, REPORT, TRACKS, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_a_run_of_another_date_is_skipped_and_emits_nothing(
    running: Running,
) -> None:
    """Promise 5: the scheduler starts today's run, while the sandbox's date is in 2021."""
    today = running.started_at.astimezone(UTC).date()
    run = running.next_run(INGEST, today, running.started_at - timedelta(minutes=1), timeout=120)
    assert (run["run_type"], run["state"]) == ("scheduled", "success")
    assert running.task_states(INGEST, run["dag_run_id"])["plan"] == "skipped"
    assert running.api.runs(TRANSFORM, today.isoformat()) == []


def test_the_demo_runs_the_whole_chain(running: Running, first_day: dict[str, Any]) -> None:
    """The demo triggers the partition over REST, with its key."""
    summary = first_day
    [partition] = summary["partitions"]
    assert partition["date"] == FIRST_DAY.isoformat()
    assert partition["dag_runs"] == dict.fromkeys((INGEST, TRANSFORM, REPORT), "success")
    assert set(partition["seconds"]) == {INGEST, TRANSFORM, REPORT}
    assert partition["sources"] == len(load_sources(running.state.paths.sources))
    # of each artist: itself, its albums (once in a list, once by their ids), their tracks
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


@pytest.mark.usefixtures("first_day")
def test_every_data_test_is_its_own_airflow_task(running: Running) -> None:
    run = running.api.runs(TRANSFORM, FIRST_DAY.isoformat())[0]
    tasks = running.api.tasks(TRANSFORM, run["dag_run_id"])
    test_tasks = [task for task in tasks if task["operator_name"] == "RunDataTest"]
    assert len({task["task_id"] for task in test_tasks}) == dbt_nodes(MANIFEST)["tests"] > 0
    assert {task["state"] for task in test_tasks} == {"success"}


@pytest.mark.usefixtures("first_day")
def test_dbt_documentation_is_in_the_lake_and_in_airflow(running: Running) -> None:
    run = running.api.runs(TRANSFORM, FIRST_DAY.isoformat())[0]
    assert running.task_states(TRANSFORM, run["dag_run_id"])["write_docs"] == "success"
    stored = running.documentation()
    address = dbt_docs_url(running.state)
    page = httpx.get(address, trust_env=False)
    assert page.status_code == 200
    assert len(page.text) >= len(stored["docs/dbt/index.html"].decode())
    catalog = httpx.get(address.replace("dbt_docs_index.html", "catalog.json"), trust_env=False).json()
    assert catalog == json.loads(stored["docs/dbt/catalog.json"])
    assert len(catalog["nodes"]) == sum(dbt_nodes(MANIFEST)[kind] for kind in ("models", "seeds"))


@pytest.mark.slow
def test_the_grid_and_the_graph_of_every_dag_are_shown(running: Running) -> None:
    """Both pages are drawn from the structure of a DAG, which Airflow refuses to sort in some cases."""
    for dag_id in (dag["dag_id"] for dag in running.api.dags()):
        for page in (f"grid/structure/{dag_id}", f"structure/structure_data?dag_id={dag_id}"):
            response = httpx.get(f"{running.state.airflow_url}/ui/{page}", timeout=60, trust_env=False)
            assert response.status_code == 200, f"{page}: {response.text[:200]}"
