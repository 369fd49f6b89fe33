"""Tests that no documented query and no report query scans a whole table of five million observations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from spotify_pipeline.report import queries as report
from spotify_pipeline.report import week_queries as week
from tests.integration.dbt.dbt_warehouse import LISTENER, Warehouse
from tests.integration.dbt.observations import FIRST_DAY, fill_marts
from tests.integration.dbt.tour import PAGE, queries

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TRACKS, DAYS = 50_000, 100
# the number of observations, and ten history windows per track
LARGE = {"fct_track_daily": TRACKS * DAYS, "dim_track_history": TRACKS * 10}
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
PARAMETERS = {
    "partition": LAST_DAY,
    "partitions": 30,
    "rows": 15,
    "width": 5,
    "last_bin": 20,
    "first": LAST_DAY - timedelta(days=6),
    "last": LAST_DAY,
    "monday": LAST_DAY - timedelta(days=6),
    "sunday": LAST_DAY,
    "user": LISTENER,
}


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


def test_no_query_of_report_or_tour_scans_a_large_table(warehouse: Warehouse) -> None:
    assert warehouse.dbt("run").success
    of_report = {
        f"{page.__name__}.{name}": text
        for page in (report, week)
        for name, text in vars(page).items()
        if isinstance(text, str) and "from marts." in text
    }
    numbered = enumerate(queries(PAGE.read_text(encoding="utf-8")), start=1)
    of_tour = {f"query {number} of the tour": query for number, query in numbered}
    assert len(of_report) >= 13
    assert len(of_tour) >= 20

    with psycopg.connect(warehouse.admin_url) as connection:
        fill_marts(connection, tracks=TRACKS, days=DAYS)
        for table, rows in LARGE.items():
            counted = connection.execute(f"select count(*) from marts.{table}".encode()).fetchone()
            assert counted == (rows,)
        read_whole = []
        for name, query in (of_report | of_tour).items():
            parameters = PARAMETERS if name in of_report else None
            [[[explained]]] = connection.execute(
                f"explain (format json) {query}".encode(), parameters
            ).fetchall()
            read_whole += [
                f"{name}: {node['Node Type']} of {node['Relation Name']}"
                for node in nodes(explained["Plan"])
                if node.get("Relation Name") in LARGE
                and (node["Node Type"] == "Seq Scan" or node["Plan Rows"] >= TRACKS * DAYS / 10)
            ]

    assert read_whole == []
