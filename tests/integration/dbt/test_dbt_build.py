"""Tests `dbt build` over a real warehouse: marts, data tests and unit tests for both classes of app."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest

from tests.integration.dbt.dbt_warehouse import DAY, Warehouse, fill, spotify_id, statuses

pytestmark = pytest.mark.integration


@pytest.mark.slow
@pytest.mark.parametrize("extended", [False, True], ids=["development", "extended"])
def test_every_node_passes_for_either_class_of_app(warehouse: Warehouse, extended: bool) -> None:
    fill(warehouse, extended=extended)

    outcome = statuses(warehouse.dbt("build"))

    assert {name: status for name, status in outcome.items() if status not in {"success", "pass"}} == {}
    [track] = warehouse.query(
        "select track_name, album_name, primary_artist_name, artist_names, isrc, release_date, popularity,"
        " is_active, spotify_url"
        " from marts.dim_track where track_id = %s",
        spotify_id("ruby"),
    )
    assert track == (
        "Ruby",
        "Solo",
        "Monk",
        "Monk, Guest",
        "USRC17607839",
        date(1957, 4, 1),
        50 if extended else None,
        True,
        f"https://open.spotify.com/track/{spotify_id('ruby')}",
    )


@pytest.mark.slow
def test_marts_contain_the_records_of_staging(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert warehouse.dbt("build").success

    assert warehouse.query(
        "select artist_name, album_count, track_count, is_active from marts.dim_artist order by 1"
    ) == [
        ("Gone", 0, 0, False),
        ("Guest", 0, 2, False),
        ("Monk", 2, 3, True),
    ]
    assert warehouse.query(
        "select album_name, release_date, release_date_precision, release_year, known_track_count"
        " from marts.dim_album order by 1"
    ) == [("", None, None, None, 0), ("Solo", date(1957, 4, 1), "month", 1957, 2)]
    assert warehouse.query(
        "select artist_names, album_id, isrc from marts.dim_track where track_id = %s", spotify_id("stray")
    ) == [("Guest, Monk", None, None)]
    assert warehouse.query(
        "select artist_position, is_primary from marts.bridge_track_artist where track_id = %s order by 1",
        spotify_id("stray"),
    ) == [(1, True), (2, False)]
    assert warehouse.query("select * from marts.fct_catalogue_daily") == [(DAY, 3, 2, 1, 3, 2, 3, 3, 2, 3, 0)]
    assert warehouse.query(
        "select source, record_kind, count(*), bool_and(is_listed)"
        " from marts.fct_listing group by 1, 2 order by 1, 2"
    ) == [
        ("jazz", "album", 2, True),
        ("jazz", "artist", 1, True),
        ("jazz", "playlist", 1, True),
        ("jazz", "track", 3, True),
        ("taken_out", "artist", 1, False),
    ]
    assert warehouse.query(
        "select record_kind, fetched, loaded, quarantined, duplicates, is_complete"
        " from marts.fct_source_daily order by 1"
    ) == [("album", 2, 2, 0, 0, True), ("artist", 1, 1, 0, 0, True), ("track", 5, 3, 1, 1, True)]


@pytest.mark.slow
def test_marts_about_lists_and_listening(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert warehouse.dbt("run").success

    entries = warehouse.query(
        "select track_id, entered_on, left_on, is_entry_observed from marts.fct_playlist_entry order by 1"
    )
    assert [(row[0].rstrip("0"), *row[1:]) for row in entries] == [
        ("nutty", DAY, DAY + timedelta(days=2), False),  # an incomplete reading does not prove that it left
        ("ruby", DAY, None, False),
        ("stray", DAY + timedelta(days=2), None, True),
    ]
    assert warehouse.query(
        "select observed_on, tracks_on_playlist, tracks_entered, tracks_left"
        " from marts.mart_playlist_churn order by 1"
    ) == [(DAY, 2, 0, 0), (DAY + timedelta(days=2), 2, 1, 1)]
    assert warehouse.query("select playlist_name, item_count, is_active from marts.dim_playlist") == [
        ("Evening", 2, True)
    ]
    assert warehouse.query(
        "select played_on, plays, new_tracks, new_artists, streak_started_on, streak_day"
        " from marts.mart_listening_daily order by 1"
    ) == [
        (DAY, 2, 1, 1, DAY, 1),
        (DAY + timedelta(days=1), 1, 0, 0, DAY, 2),
        (DAY + timedelta(days=3), 1, 0, 0, DAY + timedelta(days=3), 1),
    ]
    assert warehouse.query(
        "select distinct album_age_years, album_age_days, played_hour from marts.fct_play order by 3"
    ) == [(69, None, 0), (69, None, 1), (69, None, 2)]


@pytest.mark.slow
def test_marts_about_a_library_and_top_lists(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert warehouse.dbt(
        "run", "--select", "+fct_saved_track", "+fct_top_track", "+fct_top_artist", "+fct_followed_artist"
    ).success

    saved = warehouse.query(
        "select track_id, last_seen_on, unsaved_on, is_saved from marts.fct_saved_track order by 1"
    )
    second = DAY + timedelta(days=1)
    assert [(row[0].rstrip("0"), *row[1:]) for row in saved] == [
        ("nutty", DAY, second, False),
        ("ruby", second, None, True),
    ]
    top = warehouse.query(
        "select track_id, rank, previous_rank, rank_change, is_new_entry from marts.fct_top_track"
        " where observed_on = %s order by rank",
        second,
    )
    assert [(row[0].rstrip("0"), *row[1:]) for row in top] == [
        ("nutty", 1, 2, 1, False),
        ("ruby", 2, 1, -1, False),
        ("stray", 3, None, None, True),
    ]
    artists = warehouse.query(
        "select artist_id, rank, previous_rank, rank_change from marts.fct_top_artist"
        " where observed_on = %s order by rank",
        second,
    )
    assert [(row[0].rstrip("0"), *row[1:]) for row in artists] == [("guest", 1, 2, 1)]
    followed = warehouse.query(
        "select artist_id, last_seen_on, unfollowed_on, is_followed from marts.fct_followed_artist order by 1"
    )
    assert [(row[0].rstrip("0"), *row[1:]) for row in followed] == [
        ("guest", second, None, True),
        ("monk", DAY, second, False),
    ]


@pytest.mark.slow
def test_history_and_health_of_a_first_day(warehouse: Warehouse) -> None:
    fill(warehouse, extended=True)
    assert warehouse.dbt("run").success

    assert warehouse.query(
        "select valid_from, valid_to, is_current, genres from marts.dim_artist_history"
    ) == [(DAY, None, True, ["bebop", "jazz"])]
    assert warehouse.query("select observed_on, popularity, followers from marts.fct_artist_daily") == [
        (DAY, 50, 1_000)
    ]
    assert warehouse.query("select count(*) from marts.dim_track_history where is_current") == [(3,)]
    assert warehouse.query("select * from marts.mart_popularity_movers") == []
    assert warehouse.query("select min(date_day), max(date_day), count(*) from marts.dim_date") == [
        (date(1957, 1, 1), date(2026, 12, 31), 70 * 365 + 17)
    ]
    assert warehouse.query(
        "select source, is_active, partitions, completeness, tracks_claimed, tracks_known, days_behind,"
        " records_loaded"
        " from marts.mart_source_health order by 1"
    ) == [("jazz", True, 1, Decimal("1.000"), 4, 2, 0, 6), ("taken_out", False, 0, None, None, None, None, 0)]


@pytest.mark.slow
def test_an_empty_warehouse_builds(warehouse: Warehouse) -> None:
    outcome = statuses(warehouse.dbt("build"))

    assert set(outcome.values()) <= {"success", "pass"}


def test_dbt_may_not_write_staging(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.execute("delete from staging.tracks", role="spotify_dbt")


@pytest.mark.slow
def test_each_declared_index_exists(warehouse: Warehouse) -> None:
    assert warehouse.dbt("run").success
    nodes = json.loads((warehouse.target / "manifest.json").read_text())["nodes"].values()
    declared = {
        (node["name"], ", ".join(index["columns"]))
        for node in nodes
        for index in node["config"].get("indexes") or []
        if node["schema"] == "marts"
    }

    found = set(
        warehouse.query(
            "select tablename, substring(indexdef from '\\((.*)\\)') from pg_indexes"
            " where schemaname = 'marts'"
        )
    )

    assert len(declared) > 30
    assert declared == found
    keys = warehouse.query(
        "select relname from pg_constraint join pg_class on pg_class.oid = conrelid"
        " where connamespace = 'marts'::regnamespace and contype = 'p'"
    )
    assert {name for (name,) in keys} == {name for name, _ in declared}
