"""Tests that a daily build reads the day's rows of staging and not the whole history."""

from __future__ import annotations

import time

import pytest

from benchmarks.year_benchmark import fill, mark_as_tested
from tests.integration.dbt.dbt_warehouse import Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.slow]
# the last day is a Monday, since on Sundays the data tests compare the whole history
TRACKS, DAYS = 1_000, 118
HISTORY = ["track_observations", "album_observations", "top_tracks"]


def rows_scanned(warehouse: Warehouse) -> dict[str, int]:
    """Rows of each table of the history that sequential scans have read so far."""
    time.sleep(2)  # sessions report once a second, or at their end
    statement = (
        "select relname::text, seq_tup_read from pg_stat_user_tables"
        " where schemaname = 'staging' and relname = any(%s)"
    )
    return dict(warehouse.query(statement, HISTORY, role="spotify_owner"))


def test_a_daily_build_scans_no_history(warehouse: Warehouse) -> None:
    fill(warehouse.admin_url, TRACKS, 1, DAYS - 1)
    assert warehouse.dbt("build", "--exclude", "test_type:unit").success
    mark_as_tested(warehouse.admin_url, "marts")
    fill(warehouse.admin_url, TRACKS, DAYS, DAYS)
    before = rows_scanned(warehouse)
    assert set(before) == set(HISTORY)

    assert warehouse.dbt("build", "--exclude", "test_type:unit").success

    after = rows_scanned(warehouse)
    assert {table: after[table] - rows for table, rows in before.items() if after[table] > rows} == {}
