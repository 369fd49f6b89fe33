"""Tests that no query of a report, of the tour or of a daily build scans a whole large table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from benchmarks.year_benchmark import fill, mark_as_tested
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


# tables with rows of every day, which grow for years
HISTORY = {
    "track_observations",
    "album_observations",
    "playlist_membership",
    "plays",
    "top_tracks",
    "fct_track_daily",
    "fct_album_daily",
    "fct_top_track",
    "fct_play",
    "int_plays",
    "mart_popularity_movers",
}
# nodes of a daily build that read a whole table of the history, and why this is right
WHOLE = {
    # new observations of a track can concern any of its plays, and on most days all tracks are observed
    ("int_plays", "int_plays"),
    # the same for the albums whose values changed
    ("fct_play", "fct_play"),
    # reads the index of references only
    ("relationships_fct_top_track_track_id__track_id__ref_dim_track_", "fct_top_track"),
}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan, without those of which only the first rows are read."""
    yield plan
    for child in plan.get("Plans", []):
        if plan["Node Type"] != "Limit" or "Scan" not in child["Node Type"]:
            yield from nodes(child)


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


def test_a_daily_build_reads_the_history_by_indexes(warehouse: Warehouse) -> None:
    """Of 48 days with 5,000 observations, the last is new to the models; the last is no Sunday."""
    fill(warehouse.admin_url, 5_000, 1, 47)
    assert warehouse.dbt("build", "--select", "resource_type:seed", "resource_type:model").success
    mark_as_tested(warehouse.admin_url, "marts")
    fill(warehouse.admin_url, 5_000, 48, 48)
    assert warehouse.dbt("compile", "--exclude", "resource_type:unit_test").success
    manifest = json.loads((warehouse.target / "manifest.json").read_bytes())

    with psycopg.connect(warehouse.admin_url) as connection:
        rows: dict[str, float] = dict(
            connection.execute(
                "select relname::text, reltuples from pg_class where relkind = 'r' and relname = any(%s)",
                [list(HISTORY)],
            ).fetchall()
        )
        assert rows.keys() == HISTORY
        assert min(rows.values()) >= 5_000
        read_whole = set()
        for node in manifest["nodes"].values():
            if node["config"]["materialized"] == "view" or node["resource_type"] == "seed":
                continue
            query = f"explain (format json) {node['compiled_code']}"
            [[[explained]]] = connection.execute(query.encode()).fetchall()
            for part in nodes(explained["Plan"]):
                table = part.get("Relation Name")
                if table in HISTORY and (
                    part["Node Type"] == "Seq Scan" or part["Plan Rows"] >= rows[table] / 4
                ):
                    read_whole.add((node["name"], table))

    assert read_whole == WHOLE
