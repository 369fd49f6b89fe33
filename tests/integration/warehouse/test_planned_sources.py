"""Tests of the rows of ops.source, which do not depend on the order of plans."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations

import pytest

from spotify_pipeline.warehouse.planned_sources import PlannedSource, record_sources
from tests.integration.warehouse.warehouse_database import DAY, Warehouse

pytestmark = pytest.mark.integration
NEXT = DAY + timedelta(days=1)
SOURCES = (
    "SELECT name, active, definition_sha256, first_planned_on, last_planned_on FROM ops.source ORDER BY 1"
)


def planned(name: str, sha256: str = "1") -> PlannedSource:
    return PlannedSource(name, "artist", sha256)


def plan(warehouse: Warehouse, partition: date, *sources: PlannedSource) -> None:
    with warehouse.connect() as conn:
        record_sources(conn, sources, partition)


def test_a_removed_source_stays_as_inactive(warehouse: Warehouse) -> None:
    plan(warehouse, DAY, planned("a"), planned("b"))
    plan(warehouse, NEXT, planned("b", "2"))
    assert warehouse.rows(SOURCES) == [("a", False, "1", DAY, DAY), ("b", True, "2", DAY, NEXT)]
    plan(warehouse, NEXT, planned("a"), planned("b", "2"))
    assert warehouse.rows(SOURCES) == [("a", True, "1", DAY, NEXT), ("b", True, "2", DAY, NEXT)]


def test_removing_the_last_source_leaves_none_active(warehouse: Warehouse) -> None:
    plan(warehouse, DAY, planned("a"))
    plan(warehouse, DAY)
    assert warehouse.rows(SOURCES) == [("a", False, "1", DAY, DAY)]


def test_plans_of_any_order_give_the_same_sources(warehouse: Warehouse) -> None:
    plans = [
        (DAY, [planned("a"), planned("b")]),
        (NEXT, [planned("b", "2"), planned("c")]),
        (NEXT + timedelta(days=1), [planned("c", "3"), planned("d")]),
    ]
    results = set()
    for order in permutations(plans):
        for partition, sources in order:
            plan(warehouse, partition, *sources)
        results.add(tuple(warehouse.rows(SOURCES)))
        assert {name for name, active, *_ in warehouse.rows(SOURCES) if active} == {"c", "d"}
        warehouse.truncate("ops.source")
    assert len(results) == 1


def test_an_equal_plan_writes_nothing(warehouse: Warehouse) -> None:
    plan(warehouse, DAY, planned("a"))
    before = warehouse.rows("SELECT xmin, * FROM ops.source")
    plan(warehouse, DAY, planned("a"))
    assert warehouse.rows("SELECT xmin, * FROM ops.source") == before
