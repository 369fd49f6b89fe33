"""Tests that each query of docs/warehouse.md runs as the reader and returns the result on the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
import pytest

from spotify_pipeline.report.build import build_report
from spotify_sandbox.testing import RunningSandbox, running
from spotify_stack.demo_sources import artist_entries
from tests.integration.databases import PASSWORDS
from tests.integration.dbt.dbt_warehouse import Warehouse, statuses
from tests.integration.dbt.tour import PAGE, Result, lists_and_plays, queries, with_results
from tests.integration.pipeline import Pipeline

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SEEDED_DAYS = [date(2026, 11, day) for day in (20, 21, 22)]
REFERENCE_DAYS = [date(2021, 2, 26), date(2021, 3, 19)]


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[RunningSandbox]:
    """A sandbox for an Extended app with the seeded catalogue, or the reference one if the test uses it."""
    if "reference_data" in request.fixturenames:
        folder: Path | None = request.getfixturevalue("reference_data") / "catalogue"
        first = REFERENCE_DAYS[0]
    else:
        folder, first = None, SEEDED_DAYS[0]
    with running(mode="extended", catalog=folder, size=300, clock=f"{first}T06:00:00Z") as started:
        yield started


def run_days(pipeline: Pipeline, days: list[date]) -> None:
    """Run the pipeline for all artists and the detail queue on each day, as an Extended app."""
    lookup = pipeline.runtime.lookup
    api = lookup("spotify_api")
    extended = replace(api, extra={**api.extra, "app_class": "extended"})
    pipeline.runtime = replace(
        pipeline.runtime, lookup=lambda conn_id: extended if conn_id == "spotify_api" else lookup(conn_id)
    )
    for day in days:
        pipeline.go_to(day)
        pipeline.list_sources(
            *artist_entries(found for found, _ in pipeline.sandbox.control.catalog().artists)
        )
        assert pipeline.run(day).failed == {}
        pipeline.run_details(day)


@pytest.fixture
def tour(
    pipeline: Pipeline,
    migrated_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Warehouse:
    """The pipeline's warehouse, for dbt and readers, without rows."""
    info = pipeline.runtime.lookup("warehouse_owner")
    monkeypatch.setenv("WAREHOUSE_HOST", str(info.host))
    monkeypatch.setenv("WAREHOUSE_PORT", str(info.port))
    monkeypatch.setenv("WAREHOUSE_DATABASE", str(info.schema))
    monkeypatch.setenv("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", PASSWORDS["spotify_dbt"])
    return Warehouse(migrated_database, tmp_path / "target", str(info.schema))


def build(tour: Warehouse, days: list[date]) -> None:
    tour.execute(lists_and_plays(days))
    outcome = statuses(tour.dbt("build", "--exclude", "test_type:unit"))
    assert {name: status for name, status in outcome.items() if status not in {"success", "pass"}} == {}


def run_query(tour: Warehouse, query: str) -> Result:
    with psycopg.connect(tour.url("spotify_reader")) as connection:
        cursor = connection.execute(query.encode())
        return [column.name for column in cursor.description or []], cursor.fetchall()


def test_the_tour_over_the_seeded_catalogue(tour: Warehouse, pipeline: Pipeline) -> None:
    run_days(pipeline, SEEDED_DAYS)
    build(tour, SEEDED_DAYS)

    page = PAGE.read_text(encoding="utf-8")
    renewed = with_results(page, lambda query: run_query(tour, query))
    if os.environ.get("WRITE_TOUR"):
        PAGE.write_text(renewed, encoding="utf-8")
        page = renewed

    assert len(queries(page)) >= 20
    assert renewed == page


def test_the_tour_over_the_reference_catalogue(
    reference_data: Path,
    tour: Warehouse,
    pipeline: Pipeline,
) -> None:
    run_days(pipeline, REFERENCE_DAYS)
    build(tour, REFERENCE_DAYS)

    for query in queries(PAGE.read_text(encoding="utf-8")):
        run_query(tour, query)

    # most tracks of both dates have changed in popularity
    [(risers, fallers)] = run_query(
        tour,
        "select count(*) filter (where popularity_change > 0), count(*) filter (where popularity_change < 0)"
        " from marts.mart_popularity_movers",
    )[1]
    assert risers == 100, "the mart keeps the hundred largest"
    assert fallers == 100
    page = build_report(pipeline.runtime.lookup("warehouse_reader"), REFERENCE_DAYS[-1])
    # the page shows changes within seven days, and these dates are three weeks apart
    assert "Changes of popularity" not in page
    assert "Popularity is not shown" not in page
