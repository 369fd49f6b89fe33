"""fct_track_daily is incremental by load_seq and ends up as a full refresh would have it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.integration.dbt.dbt_warehouse import DAY, Warehouse, fill, spotify_id

pytestmark = pytest.mark.integration
FACTS = "select * from marts.fct_track_daily order by track_id, observed_on"


def facts(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(FACTS)


def observe(warehouse: Warehouse, word: str, day_offset: int, duration_ms: int) -> None:
    """One more observation of a track that `fill` made."""
    warehouse.insert(
        "staging.track_observations",
        track_id=spotify_id(word),
        observed_on=DAY + timedelta(days=day_offset),
        name=word.title(),
        album_id=spotify_id("solo"),
        artist_ids=[spotify_id("monk")],
        duration_ms=duration_ms,
    )


def test_late_repeated_and_erased_observations_end_up_as_in_a_full_refresh(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    build = ("run", "--select", "stg_track_observations", "fct_track_daily")
    assert warehouse.dbt(*build).success
    first = facts(warehouse)
    assert len(first) == 3

    # the next day, then one that arrives late, a corrected one, and one that is erased
    warehouse.begin_load(DAY + timedelta(days=1))
    observe(warehouse, "ruby", 1, 181_000)
    warehouse.begin_load(DAY - timedelta(days=1))
    observe(warehouse, "ruby", -1, 179_000)
    warehouse.begin_load(DAY)
    warehouse.execute(
        "update staging.track_observations"
        f" set duration_ms = 182000, load_seq = {int(warehouse.load_seq)} where name = 'Nutty'",
        role="spotify_ingest",
    )
    warehouse.execute("delete from staging.track_observations where name = 'Stray'", role="spotify_owner")
    assert warehouse.dbt(*build).success
    incremental = facts(warehouse)
    assert warehouse.dbt(*build, "--full-refresh").success

    assert incremental == facts(warehouse)
    assert [(row[0].rstrip("0"), row[1] - DAY, row[6]) for row in incremental] == [
        ("nutty", timedelta(0), 182_000),
        ("ruby", timedelta(days=-1), 179_000),
        ("ruby", timedelta(0), 180_000),
        ("ruby", timedelta(days=1), 181_000),
    ]


def test_a_second_run_changes_nothing(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    build = ("run", "--select", "stg_track_observations", "fct_track_daily")
    assert warehouse.dbt(*build).success
    places = "select ctid::text from marts.fct_track_daily order by 1"
    before = warehouse.query(places)

    assert warehouse.dbt(*build).success

    assert warehouse.query(places) == before
