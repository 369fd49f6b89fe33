"""Tests the assets of models and the page of a week, through the real scheduler."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from spotify_pipeline import connections
from spotify_pipeline.lake.weeks import KEY_FORMAT, days, week_page_key
from spotify_pipeline.orchestration.assets import MARTS
from spotify_stack.airflow_environment import WAREHOUSE_DATABASE
from spotify_stack.dbt_manifest import MANIFEST
from spotify_stack.health import NotReady, wait_until
from spotify_stack.summary import lake

from .conftest import FIRST_DAY, TRANSFORM, Running

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("first_day"),
]
WEEKLY = "spotify_weekly"
MONDAY = FIRST_DAY - timedelta(days=FIRST_DAY.weekday())


def call(running: Running, method: str, path: str, **more: Any) -> dict[str, Any]:
    response = httpx.request(method, f"{running.state.airflow_url}/api/v2{path}", trust_env=False, **more)
    assert response.is_success, response.text
    found: dict[str, Any] = response.json()
    return found


def asset_events(running: Running, **where: str | int) -> list[dict[str, Any]]:
    """Return events of assets, at most 100; `where` are query parameters of Airflow's REST API."""
    found = call(running, "GET", "/assets/events", params={"limit": 100, **where})
    assert found["total_entries"] <= 100
    events: list[dict[str, Any]] = found["asset_events"]
    return events


def first_transform(running: Running) -> str:
    """Return the id of a successful run of the first day's partition."""
    runs = running.api.runs(TRANSFORM, FIRST_DAY.isoformat())
    return str(next(run["dag_run_id"] for run in runs if run["state"] == "success"))


def relations_of_models(running: Running) -> set[tuple[str, str]]:
    """Return the models that dbt has built, read from the warehouse's catalogue; the seed is left out."""
    with running.warehouse(connections.WAREHOUSE_DBT) as connection:
        rows = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema IN ('dbt_staging', 'intermediate', 'marts') AND table_name <> 'album_types'"
        ).fetchall()
    return {(schema, table) for schema, table in rows}


def number_of_tests(model: str) -> int:
    """Count the data tests in dbt's manifest that refer to a model."""
    nodes = json.loads(MANIFEST.read_bytes())["nodes"].values()
    tests = [n for n in nodes if n["resource_type"] == "test" and model in n["depends_on"]["nodes"]]
    assert tests
    return len(tests)


def test_each_model_has_an_asset_updated_after_the_tests(running: Running) -> None:
    """Promise 7 for the assets of single models: they are updated after the tests have passed."""
    run_id = first_transform(running)
    events = asset_events(running, source_dag_id=TRANSFORM, source_run_id=run_id)
    server = f"postgres://127.0.0.1:{running.state.ports['warehouse']}/{WAREHOUSE_DATABASE}"
    expected = {f"{server}/{schema}/{table}" for schema, table in relations_of_models(running)}

    assert sorted(event["uri"] for event in events) == sorted({*expected, MARTS.uri})
    assert len(expected) > 30
    assert {event["source_task_id"] for event in events} == {"publish"}
    assert {event["partition_key"] for event in events} == {FIRST_DAY.isoformat()}
    assert {event["name"] for event in events} == {event["uri"] for event in events}
    tests = [event["extra"]["tests"] for event in events if event["uri"].endswith("/marts/dim_track")]
    assert tests == [number_of_tests("model.spotify.dim_track")]
    ended = [t for t in running.api.tasks(TRANSFORM, run_id) if t["operator_name"] == "RunDataTest"]
    last_test = max(datetime.fromisoformat(task["end_date"]) for task in ended)
    assert min(datetime.fromisoformat(event["timestamp"]) for event in events) >= last_test


def test_the_seventh_day_starts_the_page_of_the_week(running: Running) -> None:
    """The test itself publishes the days that the chain has not run."""
    key = MONDAY.strftime(KEY_FORMAT)
    found = call(running, "GET", "/assets", params={"name_pattern": MARTS.name})["assets"]
    [asset] = [asset for asset in found if asset["name"] == MARTS.name]
    published = {event["partition_key"] for event in asset_events(running, asset_id=asset["id"])}
    *missing, last = [day.isoformat() for day in days(MONDAY) if day.isoformat() not in published]

    def publish(day: str) -> None:
        call(running, "POST", "/assets/events", json={"asset_id": asset["id"], "partition_key": day})

    for day in missing:
        publish(day)
    assert running.api.runs(WEEKLY, key) == []
    publish(last)

    def started() -> None:
        if not running.api.runs(WEEKLY, key):
            raise NotReady("there is no such run")

    wait_until(started, timeout=60, what=f"{WEEKLY} of {key}", poll=0.5)
    [run] = running.api.runs(WEEKLY, key)
    assert running.ended(WEEKLY, run["dag_run_id"])["state"] == "success"
    page = lake(running.state).get(week_page_key(MONDAY)).data.decode()
    assert f"{last}</li>" in page, "a day without a publication is listed as missing"
    assert f"{FIRST_DAY}</li>" not in page
    assert "first seen this week" in page
