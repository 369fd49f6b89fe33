"""The marts that the report reads, as plain tables, so that a test says exactly what they hold."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
from psycopg import sql

DDL = """
create schema marts;
create schema ops;
create table marts.dim_artist (
    artist_id text primary key, artist_name text, genres text[], primary_genre text, image_url text,
    spotify_url text, popularity smallint, followers bigint, album_count bigint, track_count bigint,
    first_seen_on date, last_seen_on date, is_active boolean);
create table marts.dim_album (
    album_id text primary key, album_name text, album_type text, primary_artist_id text,
    primary_artist_name text, release_date date, release_date_precision text, release_year int,
    total_tracks int, known_track_count bigint, label text, upc text, popularity smallint, image_url text,
    spotify_url text, first_seen_on date, last_seen_on date, is_active boolean);
create table marts.dim_track (
    track_id text primary key, track_name text, album_id text, album_name text, primary_artist_id text,
    primary_artist_name text, artist_names text, track_number int, disc_number int, duration_ms int,
    is_explicit boolean, is_playable boolean, isrc text, popularity smallint, release_date date,
    spotify_url text, first_seen_on date, last_seen_on date, is_active boolean);
create table marts.bridge_track_artist (
    track_id text, artist_id text, artist_position int, is_primary boolean);
create table marts.fct_track_daily (
    track_id text, observed_on date, album_id text, primary_artist_id text, popularity smallint,
    is_playable boolean, duration_ms int, load_seq bigint, primary key (track_id, observed_on));
create table marts.fct_catalogue_daily (
    observed_on date primary key, tracks_observed bigint, albums_observed bigint, artists_observed bigint,
    new_tracks bigint, new_albums bigint, new_artists bigint);
create table marts.fct_source_daily (
    partition date, source text, record_kind text, fetched bigint, loaded bigint, quarantined bigint,
    duplicates bigint, set_aside bigint, is_complete boolean, status text, message text);
create table ops.publication (
    partition date primary key, published_at timestamptz, run_id text, load_seq bigint, tests_passed int);
"""


def create(connection: psycopg.Connection) -> None:
    """Create the empty tables."""
    connection.execute(DDL)


def insert(connection: psycopg.Connection, table: str, *rows: dict[str, Any]) -> None:
    """Insert rows given as column -> value."""
    for row in rows:
        connection.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier(*table.split(".")),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(map(sql.Placeholder, row)),
            ),
            row,
        )


def add_artist(connection: psycopg.Connection, artist_id: str, name: str, seen: date, **more: Any) -> None:
    """Insert an artist first seen on a day."""
    url = f"https://open.spotify.com/artist/{artist_id}"
    row = {"artist_id": artist_id, "artist_name": name, "spotify_url": url, "first_seen_on": seen}
    insert(connection, "marts.dim_artist", row | more)


def add_album(
    connection: psycopg.Connection, album_id: str, name: str, artist_id: str, seen: date, **more: Any
) -> None:
    """Insert an album of one artist, by default released on the day it was first seen."""
    row = {
        "album_id": album_id,
        "album_name": name,
        "album_type": "album",
        "primary_artist_id": artist_id,
        "primary_artist_name": artist_id,
        "release_date": seen,
        "release_date_precision": "day",
        "release_year": seen.year,
        "total_tracks": 10,
        "spotify_url": f"https://open.spotify.com/album/{album_id}",
        "first_seen_on": seen,
    }
    insert(connection, "marts.dim_album", row | more)


def add_track(  # noqa: PLR0917 - a row
    connection: psycopg.Connection,
    track_id: str,
    name: str,
    album_id: str,
    artist_ids: list[str],
    seen: date,
    **more: Any,
) -> None:
    """Insert a track with its credits."""
    row = {
        "track_id": track_id,
        "track_name": name,
        "album_id": album_id,
        "primary_artist_id": artist_ids[0],
        "artist_names": ", ".join(artist_ids),
        "duration_ms": 200_000,
        "spotify_url": f"https://open.spotify.com/track/{track_id}",
        "first_seen_on": seen,
    }
    insert(connection, "marts.dim_track", row | more)
    for position, artist_id in enumerate(artist_ids, start=1):
        insert(
            connection,
            "marts.bridge_track_artist",
            {
                "track_id": track_id,
                "artist_id": artist_id,
                "artist_position": position,
                "is_primary": position == 1,
            },
        )


def add_day(connection: psycopg.Connection, day: date, **counts: int) -> None:
    """Insert a partition of the catalogue's history and its publication."""
    names = ("tracks", "albums", "artists")
    row: dict[str, Any] = {f"{name}_observed": 0 for name in names} | {f"new_{name}": 0 for name in names}
    insert(connection, "marts.fct_catalogue_daily", row | {"observed_on": day} | counts)
    insert(
        connection,
        "ops.publication",
        {"partition": day, "published_at": f"{day}T01:02:03Z", "run_id": f"run-{day}", "tests_passed": 70},
    )


def add_source(connection: psycopg.Connection, day: date, source: str, kind: str, **more: Any) -> None:
    """Insert what a source brought of one kind; complete and empty unless told."""
    row: dict[str, Any] = dict.fromkeys(("fetched", "loaded", "quarantined", "duplicates", "set_aside"), 0)
    row |= {
        "partition": day,
        "source": source,
        "record_kind": kind,
        "is_complete": True,
        "status": "complete",
    }
    insert(connection, "marts.fct_source_daily", row | more)
