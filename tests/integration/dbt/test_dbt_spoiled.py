"""Tests that every data test can fail: bad rows are planted in each table, and no data test passes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_stack.dbt_manifest import MANIFEST
from tests.integration.dbt.dbt_warehouse import DAY, Warehouse, fill, spotify_id, statuses

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PLANTED = (
    "update staging.tracks set track_id = 'short' where name = 'Stray'",
    "update staging.tracks set album_id = 'nowhere' where name = 'Nutty'",
    "update staging.albums set album_id = 'short' where name = ''",
    "update staging.albums set album_type = 'mixtape', release_date_raw = '1700-01-01',"
    " release_date_precision = 'day' where name = 'Solo'",
    "update staging.artists set artist_id = 'short' where name = 'Monk'",
    "update staging.playlists set playlist_id = 'short'",
    "update staging.source_records set source = 'unknown' where record_kind = 'artist'",
    f"delete from staging.list_reads where list_kind = 'playlist' and observed_on = '{DAY}'",
    "update ops.reconciliation set loaded = loaded - 1 where record_kind = 'album'",
    "update marts.dim_track_history set track_name = 'Other', valid_to = valid_from + 1",
    "update marts.dim_album_history set valid_to = valid_from + 1",
    "update marts.dim_artist_history set valid_to = valid_from + 1",
    "update marts.dim_playlist_history set valid_to = valid_from + 1",
    "update marts.fct_track_daily set duration_ms = 1",
    "update marts.fct_catalogue_daily set tracks_crawled = 1000, observed_on = '1900-01-01'",
    "delete from marts.fct_first_listen",
    f"delete from marts.mart_listening_daily where played_on > '{DAY}'",
    "update marts.mart_playlist_churn set tracks_entered = tracks_entered + 1",
    f"update marts.mart_playlist_churn set observed_on = '1900-01-01' where observed_on = '{DAY}'",
    "update marts.mart_source_health set track_coverage = 0.1",
    "insert into marts.fct_source_daily (source, partition, record_kind, loaded, is_complete)"
    " select 'jazz', date '2026-10-01' + n, 'track', 1000, true from generate_series(1, 4) as n",
    "update marts.fct_source_daily set source = 'unknown' where record_kind = 'album'",
    "update marts.dim_track set last_seen_on = last_seen_on - 9, first_seen_on = first_seen_on - 9",
    "update marts.dim_album set primary_artist_id = 'nobody', release_date = '1600-01-01'",
    "update marts.bridge_track_artist set artist_id = 'x' || artist_id",
    "update marts.fct_play set track_id = 'x', album_id = 'x', primary_artist_id = 'x',"
    " played_on = '1900-01-01'",
    "update marts.fct_saved_track set track_id = 'x' || track_id",
    "update marts.fct_top_track set track_id = 'x' || track_id",
    "update marts.fct_top_artist set artist_id = 'x' || artist_id",
    "update marts.fct_followed_artist set artist_id = 'x' || artist_id",
    "update marts.fct_playlist_entry set playlist_id = 'x', track_id = 'x' || track_id, is_current = false,"
    " left_on = entered_on - 1",
)


def test_every_data_test_can_fail(warehouse: Warehouse) -> None:
    fill(warehouse, extended=True)
    warehouse.insert(
        "staging.playlist_observations",
        playlist_id=spotify_id("evening"),
        observed_on=DAY + timedelta(days=1),
        name="Evening",
    )
    assert warehouse.dbt("seed").success
    assert warehouse.dbt("run").success
    for statement in PLANTED:
        warehouse.execute(statement)

    outcome = statuses(warehouse.dbt("test", "--exclude", "test_type:unit"))

    assert len(outcome) == len(DbtManifest.read(MANIFEST).data_tests)
    assert sorted(name for name, status in outcome.items() if status not in {"fail", "warn"}) == []
