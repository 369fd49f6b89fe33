"""Tests of the rows of ops.api_cooldown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spotify_pipeline.warehouse.cooldown import Cooldown, close_bucket, cooldowns
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


def test_a_cooldown_is_never_shortened(warehouse: Warehouse) -> None:
    with warehouse.connect() as conn:
        for hours, reason in ((2, "QUOTA_EXCEEDED"), (1, "429"), (3, None)):
            close_bucket(conn, Cooldown("acc", "albums", NOON + timedelta(hours=hours), reason))
            if hours == 1:
                kept = cooldowns(conn, "acc")["albums"]
                assert kept == Cooldown("acc", "albums", NOON + timedelta(hours=2), "QUOTA_EXCEEDED")
        assert cooldowns(conn, "acc")["albums"].deadline == NOON + timedelta(hours=3)
        assert cooldowns(conn, "other") == {}
