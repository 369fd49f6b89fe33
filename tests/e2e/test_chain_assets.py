"""Assets beside the chain's own, through the real scheduler: one a model, and the rollup of a week.

The tests share one stack with test_chain.py and go on from what it has run; alone they run a partition first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from spotify_pipeline import connections
from spotify_pipeline.lake.weeks import KEY_FORMAT, days, week_page_key
from spotify_pipeline.orchestration.assets import MARTS
from spotify_stack.airflow_environment import WAREHOUSE_DATABASE
from spotify_stack.health import NotReady, wait_until
from spotify_stack.summary import lake

from .conftest import FIRST_DAY, INGEST, TRANSFORM, Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
WEEKLY = "spotify_weekly"
MONDAY = FIRST_DAY - timedelta(days=FIRST_DAY.weekday())


def call(running: Running, method: str, path: str, **more: Any) -> dict[str, Any]:
    answer = httpx.request(method, f"{running.state.airflow_url}/api/v2{path}", trust_env=False, **more)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def asset_events(running: Running, **where: str | int) -> list[dict[str, Any]]:
    """Events of assets, at most 100; `where` as Airflow's REST API has it."""
    found = call(running, "GET", "/assets/events", params={"limit": 100, **where})
    assert found["total_entries"] <= 100
    events: list[dict[str, Any]] = found["asset_events"]
    return events


def transformed(running: Running) -> str:
    """A run of the first day's partition that went through."""
    runs = running.api.runs(TRANSFORM, FIRST_DAY.isoformat())
    good = [run["dag_run_id"] for run in runs if run["state"] == "success"]
    if good:
        return str(good[0])
    since = datetime.now(UTC)
    running.set_day(FIRST_DAY)
    running.ended(INGEST, running.api.trigger(INGEST, FIRST_DAY.isoformat()))
    return str(running.next_run(TRANSFORM, FIRST_DAY, since)["dag_run_id"])


def relations_of_models(running: Running) -> set[tuple[str, str]]:
    """What dbt has built, as the warehouse itself knows it; the seeds' schema holds one seed."""
    with running.warehouse(connections.WAREHOUSE_DBT) as connection:
        rows = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema IN ('dbt_staging', 'intermediate', 'marts') AND table_name <> 'album_types'"
        ).fetchall()
    return {(schema, table) for schema, table in rows}


def test_each_model_has_an_asset_updated_after_every_test(running: Running) -> None:
    """Promise 7, for those that follow single models: the update comes when the tests have passed."""
    run_id = transformed(running)
    events = asset_events(running, source_dag_id=TRANSFORM, source_run_id=run_id)
    server = f"postgres://127.0.0.1:{running.state.ports['warehouse']}/{WAREHOUSE_DATABASE}"
    expected = {f"{server}/{schema}/{table}" for schema, table in relations_of_models(running)}

    assert sorted(event["uri"] for event in events) == sorted({*expected, MARTS.uri})
    assert len(expected) > 30
    assert {event["source_task_id"] for event in events} == {"publish"}
    assert {event["partition_key"] for event in events} == {FIRST_DAY.isoformat()}
    assert {event["name"] for event in events} == {event["uri"] for event in events}
    assert [event["extra"]["tests"] for event in events if event["uri"].endswith("/marts/dim_track")] > [5]
    tests = [t for t in running.api.tasks(TRANSFORM, run_id) if t["operator_name"] == "RunDataTest"]
    last_test = max(datetime.fromisoformat(task["end_date"]) for task in tests)
    assert min(datetime.fromisoformat(event["timestamp"]) for event in events) >= last_test


def test_a_week_gets_its_page_when_its_seventh_day_is_published(running: Running) -> None:
    """The days that the chain has not run are published by hand, as nobody should outside of a test."""
    transformed(running)
    key = MONDAY.strftime(KEY_FORMAT)
    [asset] = call(running, "GET", "/assets", params={"name_pattern": MARTS.name})["assets"]
    there = {event["partition_key"] for event in asset_events(running, asset_id=asset["id"])}
    *missing, last = [day.isoformat() for day in days(MONDAY) if day.isoformat() not in there]

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
    assert f"{last}</li>" in page, "a day that was not really published is named as missing"
    assert f"{FIRST_DAY}</li>" not in page
    assert "first seen this week" in page
