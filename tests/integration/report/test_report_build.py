"""Tests of the report's numbers, read from a real Postgres, and that later partitions do not change them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import psycopg
import pytest
from psycopg.types.json import Jsonb

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError, SchemaVersionError, WarehouseUnavailable
from spotify_pipeline.report import build_report
from spotify_pipeline.report.model import Bin, Coverage, YearCount
from spotify_pipeline.report.page import render_page
from spotify_pipeline.report.queries import read_report
from tests.integration.report import report_marts as marts

pytestmark = pytest.mark.integration
FIRST, SECOND, THIRD = date(2021, 3, 18), date(2021, 3, 19), date(2021, 3, 20)


@pytest.fixture
def three_days(warehouse: psycopg.Connection) -> psycopg.Connection:
    """One artist and album on the first day, a second of each on the second, one more track on the third."""
    marts.add_artist(warehouse, "ar1", "Sigur Rós", FIRST, primary_genre="post-rock")
    marts.add_artist(warehouse, "ar2", "Björk", SECOND)
    marts.add_album(
        warehouse, "al1", "Ágætis byrjun", "ar1", FIRST, release_date=date(1999, 6, 1), release_year=1999
    )
    marts.add_album(warehouse, "al2", "Homogenic", "ar2", SECOND, album_type=None)
    marts.add_track(
        warehouse, "t1", "Svefn-g-englar", "al1", ["ar1"], FIRST, duration_ms=29_999, popularity=1
    )
    marts.add_track(warehouse, "t2", "Starálfur", "al1", ["ar1"], FIRST, duration_ms=30_000, popularity=100)
    marts.add_track(warehouse, "t3", "Jóga", "al2", ["ar2", "ar1"], SECOND, duration_ms=3_600_000)
    marts.add_track(warehouse, "t4", "Bachelorette", "al2", ["ar2"], THIRD, duration_ms=None)
    for track, day, popularity in (
        ("t1", FIRST, 40),
        ("t2", FIRST, 100),
        ("t1", SECOND, 44),
        ("t3", SECOND, None),
        ("t1", THIRD, 1),
    ):
        row = {"track_id": track, "observed_on": day, "popularity": popularity}
        marts.insert(warehouse, "marts.fct_track_daily", row)
    marts.add_day(warehouse, FIRST, tracks_crawled=2, new_tracks=2, new_albums=1, new_artists=1)
    marts.add_day(warehouse, SECOND, tracks_crawled=2, new_tracks=1, new_albums=1, new_artists=1)
    marts.add_day(warehouse, THIRD, tracks_crawled=1, new_tracks=1)
    marts.add_source(warehouse, SECOND, "north", "track", fetched=4, loaded=2, duplicates=2)
    return warehouse


def test_totals_stop_at_the_partition(three_days: psycopg.Connection) -> None:
    totals = read_report(three_days, SECOND).totals
    assert (totals.tracks, totals.albums, totals.artists) == (3, 2, 2)
    assert (totals.new_tracks, totals.new_albums, totals.new_artists) == (1, 1, 1)
    assert totals.previous == FIRST
    assert totals.playing_ms == 29_999 + 30_000 + 3_600_000


def test_the_first_partition_has_no_predecessor(three_days: psycopg.Connection) -> None:
    totals = read_report(three_days, FIRST).totals
    assert totals.previous is None
    assert totals.new_tracks == totals.tracks == 2


def test_growth_adds_up_day_by_day(three_days: psycopg.Connection) -> None:
    growth = read_report(three_days, THIRD).growth
    assert [(row.observed_on, row.new_tracks, row.tracks_known) for row in growth] == [
        (FIRST, 2, 2),
        (SECOND, 1, 3),
        (THIRD, 1, 4),
    ]


def test_histograms_put_boundary_values_in_the_right_bin(three_days: psycopg.Connection) -> None:
    data = read_report(three_days, SECOND)
    assert data.durations == [Bin(0, 1), Bin(1, 1), Bin(20, 1)]  # 29.999 s, 30 s, an hour
    assert data.popularity == [Bin(40, 1), Bin(95, 1)]  # 44 is newer than 40; 100 shares the last bar
    assert data.release_years == [YearCount(1999, "album", 1), YearCount(2021, "other", 1)]


def test_artists_count_every_credit(three_days: psycopg.Connection) -> None:
    artists = read_report(three_days, SECOND).artists
    assert [(row.artist_name, row.tracks, row.albums) for row in artists] == [
        ("Sigur Rós", 3, 2),
        ("Björk", 1, 1),
    ]


def test_newest_releases_come_first(three_days: psycopg.Connection) -> None:
    releases = read_report(three_days, SECOND).releases
    assert [row.album_name for row in releases] == ["Homogenic", "Ágætis byrjun"]


def test_movers_are_of_the_week_up_to_the_partition(three_days: psycopg.Connection) -> None:
    marts.add_mover(three_days, "t1", SECOND, 44, 4)
    marts.add_mover(three_days, "t1", THIRD, 1, -39)
    marts.add_track(three_days, "t5", "Delisted", "al2", ["ar2"], FIRST, left_on=SECOND)
    marts.add_mover(three_days, "t5", SECOND, 90, 50)

    movers = read_report(three_days, SECOND).movers

    assert [(row.track_name, row.popularity, row.change) for row in movers] == [("Svefn-g-englar", 44, 4)]


def test_coverage_counts_tracks_of_listed_albums_only(three_days: psycopg.Connection) -> None:
    marts.add_album(three_days, "al3", "Delisted", "ar2", FIRST, left_on=SECOND)
    assert read_report(three_days, FIRST).coverage == Coverage(claimed=20, known=2)
    assert read_report(three_days, THIRD).coverage == Coverage(claimed=20, known=4)


@pytest.mark.slow
def test_a_later_partition_does_not_change_an_earlier_page(
    three_days: psycopg.Connection, reader: ConnectionInfo
) -> None:
    before = build_report(reader, SECOND)
    marts.add_track(three_days, "t9", "Later", "al1", ["ar1"], date(2021, 3, 21))
    marts.add_album(three_days, "al9", "Later still", "ar1", date(2021, 3, 21))
    marts.add_day(three_days, date(2021, 3, 21), new_tracks=1)
    assert build_report(reader, SECOND) == before


def test_drift_is_shown_on_the_day_it_appeared(three_days: psycopg.Connection) -> None:
    known = {"source": "north", "record_kind": "track", "records": 2, "new_fields": []}
    for day, fields, new in (
        (FIRST, {"id": 2, "uri": 2}, []),
        (SECOND, {"id": 2, "mood": 1}, ["mood"]),
        (THIRD, {"id": 2, "uri": 2}, []),
    ):
        for request_kind in ("album", "album_tracks"):
            row = {"partition": day, "request_kind": request_kind, "fields": Jsonb(fields), "new_fields": new}
            marts.insert(three_days, "ops.record_shape", known | row)
    found = [
        (row.change, row.field, row.records, row.of_records) for row in read_report(three_days, SECOND).drift
    ]
    assert found == [("gone", "uri", 4, 4), ("new", "mood", 2, 4)]
    # mood was in only half of the records, so its absence is no drift
    assert read_report(three_days, THIRD).drift == read_report(three_days, FIRST).drift == []


def test_a_gap_is_shown_on_the_day_it_was_noticed(three_days: psycopg.Connection) -> None:
    gap = {
        "user_hash": "a" * 16,
        "from_played_at": "2021-03-17T22:00:00Z",
        "to_played_at": "2021-03-19T05:00:00Z",
        "noticed_at": "2021-03-19T06:05:00Z",
    }
    marts.insert(three_days, "ops.play_gap", gap)
    noticed = {day: read_report(three_days, day).plays_missing for day in (FIRST, SECOND, THIRD)}
    assert noticed == {FIRST: False, SECOND: True, THIRD: False}
    assert "2021-03-17 22" not in render_page(read_report(three_days, SECOND))


def test_publishing_again_later_gives_the_same_bytes(
    three_days: psycopg.Connection, reader: ConnectionInfo
) -> None:
    before = build_report(reader, SECOND)
    three_days.execute("update ops.publication set published_at = now(), run_id = 'again', load_seq = 99")
    # an update also changes the physical order of rows, which must not matter
    three_days.execute("update marts.dim_track set is_active = true where track_id = 't1'")
    assert build_report(reader, SECOND) == before


def test_names_and_links_are_on_the_page(three_days: psycopg.Connection, reader: ConnectionInfo) -> None:
    page = build_report(reader, SECOND)
    assert '<a href="https://open.spotify.com/artist/ar1"><bdi>Sigur Rós</bdi></a>' in page
    assert '<a href="https://open.spotify.com/album/al2"><bdi>Homogenic</bdi></a>' in page
    assert "Published after 70 data tests passed." in page


def test_an_empty_warehouse_gives_a_page(warehouse: psycopg.Connection, reader: ConnectionInfo) -> None:
    assert "Nothing here yet" in build_report(reader, FIRST)


def test_the_error_for_missing_marts_names_the_dag_to_run(
    migrated_database: str, reader: ConnectionInfo
) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("drop schema marts cascade")
    with pytest.raises(
        SchemaVersionError, match=r"marts\..* does not exist.*: run spotify_transform for 2021-03-18 first"
    ):
        build_report(reader, FIRST)


def test_an_unreachable_warehouse_is_named_by_its_connection(reader: ConnectionInfo) -> None:
    with pytest.raises(WarehouseUnavailable, match="'warehouse_reader'"):
        build_report(replace(reader, port=1), FIRST)
    with pytest.raises(ConfigurationError, match=r"'warehouse_reader'.*check login, password") as refused:
        build_report(replace(reader, password="not-the-password"), FIRST)
    assert "not-the-password" not in str(refused.value)
