"""Tests that after erasure and retention an incremental dbt build equals a full refresh."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spotify_pipeline.maintenance.erase import erase_user
from spotify_pipeline.maintenance.retention import apply_retention
from spotify_pipeline.warehouse.connection import connect
from tests.integration.maintenance.helpers import NEXT_DAY, Dbt, no_logins, rows_with, with_old_leases
from tests.integration.pipeline import DAY, HASH, Pipeline

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.usefixtures("clock_far_ahead")]


def test_deletions_reach_the_marts(account: Pipeline, dbt: Dbt, migrated_database: str) -> None:
    dbt("run")
    assert "marts.fct_play" in rows_with(migrated_database, HASH)
    plays = account.query("SELECT count(*) FROM staging.plays")[0][0]
    receipt = erase_user(account.runtime, HASH, no_logins)
    # at once, before any model is built again
    assert receipt.removed["marts.fct_play"] == plays
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 1}

    aged = with_old_leases(account, retain_history_days=100, retain_play_days=100)
    removal = apply_retention(aged.runtime, DAY + timedelta(days=101))
    assert removal.removed["staging.track_observations"] > 0

    incremental = dbt("build")  # with every data test
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 1}
    with connect(account.runtime.lookup("warehouse_dbt")) as conn:
        assert conn.execute("SELECT min(observed_on) FROM marts.fct_track_daily").fetchone() == (NEXT_DAY,)
        # a window that ends within the retained dates keeps its first date
        assert conn.execute("SELECT min(valid_from) FROM marts.dim_track_history").fetchone() == (DAY,)
    assert incremental == dbt("run", "--full-refresh")
