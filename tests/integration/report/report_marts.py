"""Creates the marts that the report reads by their dbt contracts, and inserts rows into them."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import psycopg
import yaml
from psycopg import sql

from spotify_pipeline.settings import PROJECT_ROOT

CONTRACTS = sorted((PROJECT_ROOT / "dbt" / "models" / "marts").rglob("[a-z]*.yml"))


def create(connection: psycopg.Connection) -> None:
    """Create empty marts with the columns of their dbt contracts."""
    connection.execute(_statements())


@cache
def _statements() -> sql.Composed:
    statements = []
    for model in (model for path in CONTRACTS for model in yaml.safe_load(path.read_text("utf-8"))["models"]):
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(column["name"]), sql.SQL(column["data_type"]))
            for column in model["columns"]
        ]
        table = sql.Identifier("marts", model["name"])
        statements.append(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)))
    return sql.SQL("; ").join(statements)


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
        "first_listed_on": seen,
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


def add_mover(connection: psycopg.Connection, track_id: str, day: date, popularity: int, change: int) -> None:
    """Insert a track whose popularity changed in the seven days up to a day."""
    insert(
        connection,
        "marts.mart_popularity_movers",
        {
            "observed_on": day,
            "window_days": 7,
            "track_id": track_id,
            "popularity": popularity,
            "popularity_change": change,
        },
    )


def add_day(connection: psycopg.Connection, day: date, **counts: int) -> None:
    """Insert a partition of the catalogue's history and its publication."""
    names = ("tracks", "albums", "artists")
    row: dict[str, Any] = {f"{name}_crawled": 0 for name in names} | {f"new_{name}": 0 for name in names}
    insert(connection, "marts.fct_catalogue_daily", row | {"observed_on": day} | counts)
    insert(
        connection,
        "ops.publication",
        {
            "partition": day,
            "published_at": f"{day}T01:02:03Z",
            "run_id": f"run-{day}",
            "load_seq": 1,
            "tests_passed": 70,
        },
    )


def add_play(connection: psycopg.Connection, user: str, track_id: str, artist_id: str, day: date) -> None:
    """Insert a play of 200 seconds that is a first listen of neither track nor artist."""
    insert(
        connection,
        "marts.fct_play",
        {
            "user_hash": user,
            "played_at": f"{day}T12:00:00Z",
            "track_id": track_id,
            "primary_artist_id": artist_id,
            "played_on": day,
            "duration_ms": 200_000,
            "is_first_listen_of_track": False,
            "is_first_listen_of_artist": False,
        },
    )


def add_source(connection: psycopg.Connection, day: date, source: str, kind: str, **more: Any) -> None:
    """Insert a source's counts of one record kind; by default complete and zero."""
    row: dict[str, Any] = dict.fromkeys(("fetched", "loaded", "quarantined", "duplicates", "set_aside"), 0)
    row |= {
        "partition": day,
        "source": source,
        "record_kind": kind,
        "is_complete": True,
        "status": "complete",
    }
    insert(connection, "marts.fct_source_daily", row | more)
