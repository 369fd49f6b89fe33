"""Tests that checksums depend on the data, and not on when and by which load it was written."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import psycopg
import pytest

from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.checksum import table_checksums
from tests.integration.warehouse.warehouse_database import Warehouse, artist, track

pytestmark = pytest.mark.integration
EARLIER = datetime(2026, 11, 5, 1, tzinfo=UTC)


def create_marts(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.connect(roles.DBT) as conn:
        for statement in statements:
            conn.execute(statement)


def test_load_numbers_and_observation_times_do_not_count(warehouse: Warehouse) -> None:
    warehouse.load([track(), artist()])
    once = warehouse.checksums()
    warehouse.empty()
    warehouse.load([artist()])
    warehouse.load([track(at=EARLIER, raw_key="raw/other.json")])
    warehouse.load([track()])
    assert warehouse.checksums() == once
    assert once["staging.tracks"]["rows"] == once["staging.artist_observations"]["rows"] == 1


def test_each_business_column_counts(warehouse: Warehouse) -> None:
    warehouse.load([track()])
    before = warehouse.checksums()["staging.tracks"]
    for change in ("name = 'x'", "isrc = ''", "artist_ids = '{}'", "last_seen_on = '2030-01-01'"):
        with psycopg.connect(warehouse.admin_url) as conn:
            conn.execute(f"UPDATE staging.tracks SET {change}")
            assert table_checksums(conn, ["staging"])["staging.tracks"] != before
            conn.rollback()


def test_all_staging_tables_and_marts_are_included(warehouse: Warehouse) -> None:
    create_marts(
        warehouse,
        "CREATE TABLE marts.dim_b (b text)",
        "CREATE VIEW marts.v AS SELECT 1 AS a",
        "CREATE TABLE intermediate.i (a int)",
    )
    assert list(warehouse.checksums()) == [
        "marts.dim_b",
        "staging.album_observations",
        "staging.albums",
        "staging.artist_observations",
        "staging.artists",
        "staging.followed_artists",
        "staging.list_reads",
        "staging.playlist_membership",
        "staging.playlist_observations",
        "staging.playlists",
        "staging.plays",
        "staging.saved_tracks",
        "staging.source_records",
        "staging.top_artists",
        "staging.top_tracks",
        "staging.track_observations",
        "staging.tracks",
    ]


def test_the_order_of_rows_and_columns_does_not_matter(warehouse: Warehouse) -> None:
    create_marts(
        warehouse,
        "CREATE TABLE marts.one AS"
        " SELECT * FROM (VALUES ('a', 1, now()), ('B', 2, now())) AS v (name, n, loaded_at)",
        "CREATE TABLE marts.two AS SELECT * FROM (VALUES (2, 'B', 7), (1, 'a', 8)) AS v (n, name, load_seq)",
    )
    sums = warehouse.checksums()
    assert sums["marts.one"] == sums["marts.two"]
    assert sums["marts.one"]["rows"] == 2


def test_the_hashed_text_does_not_depend_on_settings(warehouse: Warehouse) -> None:
    """Settings of the session and the server's language must not change the text."""
    create_marts(
        warehouse,
        "CREATE TABLE marts.m AS SELECT * FROM (VALUES ('é', timestamptz '2026-11-05 12:00+01', 0.1::float8),"
        " ('z', null, null)) AS v (name, at, x)",
    )
    written = "at name x" + "2026-11-05 11:00:00+00\té\t0.1\n" + "\\N\tz\t\\N\n"
    expected = hashlib.sha256(written.encode()).hexdigest()
    with warehouse.connect(roles.DBT) as conn:
        conn.execute("SET timezone TO 'Asia/Tokyo'")
        conn.execute("SET datestyle TO 'German'")
        conn.execute("SET extra_float_digits TO -5")
        conn.commit()
        assert table_checksums(conn, ["marts"]) == {"marts.m": {"rows": 2, "sha256": expected}}
        assert conn.execute("SHOW timezone").fetchone() == ("Asia/Tokyo",)


def test_rows_with_line_breaks_count_once(warehouse: Warehouse) -> None:
    warehouse.load([track(name="two\nlines"), track("track-2", name="x" * 100_000)])
    assert warehouse.checksums()["staging.tracks"]["rows"] == 2


def test_an_empty_table_has_a_checksum(warehouse: Warehouse) -> None:
    create_marts(warehouse, "CREATE TABLE marts.empty (a int, load_seq bigint)")
    found = warehouse.checksums()["marts.empty"]
    assert found == {"rows": 0, "sha256": hashlib.sha256(b"a").hexdigest()}
