"""Tests of the rows of ops.quarantined_record, which do not depend on the order of observations."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from spotify_pipeline.warehouse.quarantine import Refusal, record_quarantined
from tests.integration.warehouse.warehouse_database import DAY, Warehouse

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
REFUSED = Refusal(
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


def test_a_quarantined_record_keeps_both_times_in_any_order(warehouse: Warehouse) -> None:
    observations = [
        REFUSED,
        replace(REFUSED, seen_at=NOON + timedelta(days=1), partition=NEXT, raw_key="raw/a", message="newer"),
        replace(REFUSED, raw_key="raw/c", message="same time, greater key"),
    ]
    for order in permutations(observations):
        for observed in order:
            with warehouse.connect() as conn:
                record_quarantined(conn, [observed])
        kept = warehouse.row(
            "SELECT partition, raw_key, message, first_seen_at, last_seen_at FROM ops.quarantined_record"
        )
        assert kept == (NEXT, "raw/a", "newer", NOON, NOON + timedelta(days=1))
        warehouse.truncate("ops.quarantined_record")


def test_a_quarantined_record_seen_again_writes_nothing(warehouse: Warehouse) -> None:
    versions = []
    for record in (REFUSED, REFUSED, replace(REFUSED, schema_version="2")):
        with warehouse.connect() as conn:
            record_quarantined(conn, [record])
        versions.append(warehouse.row("SELECT xmin::text, schema_version FROM ops.quarantined_record"))
    assert versions[0] == versions[1]
    assert versions[2][1] == "2"
