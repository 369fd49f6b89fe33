"""Rows of the schema ops: repeated calls write nothing, any order gives the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from spotify_pipeline.warehouse import ops
from tests.integration.warehouse.warehouse_database import DAY, Warehouse

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


def planned(name: str, sha256: str = "1") -> ops.PlannedSource:
    return ops.PlannedSource(name, "artist", sha256)


def plan(warehouse: Warehouse, partition: date, *sources: ops.PlannedSource) -> None:
    with warehouse.connect() as conn:
        ops.record_sources(conn, sources, partition)


SOURCES = (
    "SELECT name, active, definition_sha256, first_planned_on, last_planned_on FROM ops.source ORDER BY 1"
)


def test_a_source_taken_out_stays_and_is_inactive(warehouse: Warehouse) -> None:
    plan(warehouse, DAY, planned("a"), planned("b"))
    plan(warehouse, NEXT, planned("b", "2"))
    assert warehouse.rows(SOURCES) == [("a", False, "1", DAY, DAY), ("b", True, "2", DAY, NEXT)]
    plan(warehouse, NEXT, planned("a"), planned("b", "2"))
    assert warehouse.rows(SOURCES) == [("a", True, "1", DAY, NEXT), ("b", True, "2", DAY, NEXT)]


def test_taking_out_the_last_source_leaves_none_active(warehouse: Warehouse) -> None:
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
        truncate(warehouse, "ops.source")
    assert len(results) == 1


def test_the_same_plan_again_writes_nothing(warehouse: Warehouse) -> None:
    plan(warehouse, DAY, planned("a"))
    before = warehouse.rows("SELECT xmin, * FROM ops.source")
    plan(warehouse, DAY, planned("a"))
    assert warehouse.rows("SELECT xmin, * FROM ops.source") == before


def reconciled(**changes: object) -> ops.Reconciliation:
    item = ops.Reconciliation(DAY, "one", "track", 10, 7, 1, 1, 1, complete=True, status="complete")
    return replace(item, **changes)  # type: ignore[arg-type]


def test_reconciliation_keeps_the_newest_and_leaves_an_equal_one_alone(warehouse: Warehouse) -> None:
    def record(item: ops.Reconciliation) -> list[tuple[object, ...]]:
        with warehouse.connect() as conn:
            ops.record_reconciliation(conn, [item])
        return warehouse.rows("SELECT xmin::text, status, loaded, message FROM ops.reconciliation")

    first = record(reconciled())
    assert record(reconciled()) == first
    changed = record(reconciled(loaded=6, status="failed", message="1 is missing"))
    assert [row[1:] for row in changed] == [("failed", 6, "1 is missing")]


REFUSED = ops.QuarantinedRecord(
    source="one",
    record_kind="track",
    record_key="track-1",
    pointer="/name",
    reason_code="type",
    partition=DAY,
    schema_version="1",
    raw_key="raw/b",
    message="null is no name",
    seen_at=NOON,
)


def test_a_quarantined_record_keeps_first_and_last_sighting_in_any_order(warehouse: Warehouse) -> None:
    sightings = [
        REFUSED,
        replace(REFUSED, seen_at=NOON + timedelta(days=1), partition=NEXT, raw_key="raw/a", message="newer"),
        replace(REFUSED, raw_key="raw/c", message="same time, greater key"),
    ]
    for order in permutations(sightings):
        for sighting in order:
            with warehouse.connect() as conn:
                ops.record_quarantined(conn, [sighting])
        kept = warehouse.row(
            "SELECT partition, raw_key, message, first_seen_at, last_seen_at FROM ops.quarantined_record"
        )
        assert kept == (NEXT, "raw/a", "newer", NOON, NOON + timedelta(days=1))
        truncate(warehouse, "ops.quarantined_record")


def test_a_quarantined_record_seen_again_writes_nothing(warehouse: Warehouse) -> None:
    versions = []
    for record in (REFUSED, REFUSED, replace(REFUSED, schema_version="2")):
        with warehouse.connect() as conn:
            ops.record_quarantined(conn, [record])
        versions.append(warehouse.row("SELECT xmin::text, schema_version FROM ops.quarantined_record"))
    assert versions[0] == versions[1]
    assert versions[2][1] == "2"


def test_a_cooldown_is_never_shortened(warehouse: Warehouse) -> None:
    with warehouse.connect() as conn:
        for hours, reason in ((2, "QUOTA_EXCEEDED"), (1, "429"), (3, None)):
            ops.close_bucket(conn, ops.Cooldown("acc", "albums", NOON + timedelta(hours=hours), reason))
            if hours == 1:
                kept = ops.cooldowns(conn, "acc")["albums"]
                assert kept == ops.Cooldown("acc", "albums", NOON + timedelta(hours=2), "QUOTA_EXCEEDED")
        assert ops.cooldowns(conn, "acc")["albums"].deadline == NOON + timedelta(hours=3)
        assert ops.cooldowns(conn, "other") == {}


def test_a_publication_moves_forward_only(warehouse: Warehouse) -> None:
    with warehouse.connect() as conn:
        assert ops.highest_load_seq(conn) == 0
        for run_id, load_seq in (("first", 5), ("late", 4), ("second", 6)):
            ops.record_publication(conn, ops.Publication(DAY, run_id, load_seq, 60))
            if run_id == "late":
                assert conn.execute("SELECT run_id FROM ops.publication").fetchall() == [("first",)]
    assert warehouse.rows("SELECT run_id, load_seq, tests_passed FROM ops.publication") == [("second", 6, 60)]


def truncate(warehouse: Warehouse, table: str) -> None:
    with warehouse.connect("spotify_owner") as conn:
        conn.execute(f"TRUNCATE {table}")
