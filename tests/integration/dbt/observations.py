"""Fills the marts with a given number of observations, in seconds, by SQL on the server."""

from __future__ import annotations

from datetime import date

import psycopg
from psycopg import sql

FIRST_DAY = date(2026, 1, 1)

_DIMENSIONS = """
insert into marts.dim_artist (artist_id, artist_name, album_count, track_count, popularity, followers,
    spotify_url, first_seen_on, last_seen_on, is_active)
select lpad(n::text, 22, 'r'), 'Artist ' || n, 5, 50, n %% 100, n * 10, 'url', %(first)s, %(last)s, true
from generate_series(0, %(tracks)s / 50 - 1) as n;

insert into marts.dim_album (album_id, album_name, album_type, primary_artist_id, primary_artist_name,
    release_date, release_date_precision, release_year, total_tracks, known_track_count, spotify_url,
    first_seen_on, last_seen_on, is_active)
select lpad(n::text, 22, 'a'), 'Album ' || n, 'album', lpad((n / 5)::text, 22, 'r'), 'Artist ' || n / 5,
    released, 'day', extract(year from released), 10, 10, 'url', %(first)s, %(last)s, true
from generate_series(0, %(tracks)s / 10 - 1) as n, lateral (select %(last)s::date - n as released) as dates;

insert into marts.dim_track (track_id, track_name, album_id, primary_artist_id, artist_names, duration_ms,
    is_explicit, popularity, spotify_url, first_seen_on, last_seen_on, is_active)
select lpad(n::text, 22, 't'), 'Track ' || n, lpad((n / 10)::text, 22, 'a'), lpad((n / 50)::text, 22, 'r'),
    'Artist ' || n / 50, 180000 + n, false, n %% 100, 'url', %(first)s, %(last)s, true
from generate_series(0, %(tracks)s - 1) as n;

insert into marts.bridge_track_artist (track_id, artist_id, artist_position, is_primary)
select track_id, primary_artist_id, 1, true from marts.dim_track;

insert into marts.dim_track_history (track_id, valid_from, valid_to, is_current, track_name, album_id,
    primary_artist_id, duration_ms, is_explicit, load_seq)
select track_id, day, case when number < 10 then day + 10 end, number = 10, track_name, album_id,
    primary_artist_id, duration_ms + number, false, number
from marts.dim_track
cross join lateral (
    select number, %(first)s::date + 10 * (number - 1) as day from generate_series(1, 10) as number
) as windows;

insert into marts.fct_catalogue_daily (observed_on, tracks_crawled, albums_crawled, artists_crawled,
    new_tracks, new_albums, new_artists, tracks_known, albums_known, artists_known, albums_released_this_week)
select %(first)s::date + n, %(tracks)s, 0, 0, 0, 0, 0, %(tracks)s, 0, 0, 7
from generate_series(0, %(days)s - 1) as n
"""

# as in Spotify's daily observations, most tracks hardly change from one day to the next
_FACTS = """
insert into {table} (track_id, observed_on, album_id, primary_artist_id, popularity, is_playable, duration_ms,
    load_seq)
select lpad(n::text, 22, 't'), %(first)s::date + day, lpad((n / 10)::text, 22, 'a'),
    lpad((n / 50)::text, 22, 'r'), (n + day / 3) %% 100, true, 180000 + n, day + 1
from generate_series(0, %(days)s - 1) as day, generate_series(0, %(tracks)s - 1) as n
"""


def fill_marts(connection: psycopg.Connection, *, tracks: int, days: int) -> None:
    """Fill the marts about tracks, which dbt has created empty, with `tracks` * `days` observations.

    Indexes of the fact table are created after its rows, as in a full refresh of dbt.
    """
    last = date.fromordinal(FIRST_DAY.toordinal() + days - 1)
    numbers = {"first": FIRST_DAY, "last": last, "tracks": tracks, "days": days}
    for statement in _DIMENSIONS.split(";\n"):
        connection.execute(statement.encode(), numbers)
    table = sql.Identifier("marts", "fct_track_daily")
    indexes = connection.execute(
        "select schemaname, indexname, indexdef from pg_indexes"
        " where schemaname = 'marts' and tablename = 'fct_track_daily'"
    ).fetchall()
    connection.execute(sql.SQL("alter table {} set unlogged").format(table))
    # dropping the primary key drops its index
    for (key,) in connection.execute(
        "select conname from pg_constraint"
        " where conrelid = 'marts.fct_track_daily'::regclass and contype = 'p'"
    ).fetchall():
        drop_key = sql.SQL("alter table {} drop constraint {}")
        connection.execute(drop_key.format(table, sql.Identifier(key)))
    for schema, name, _ in indexes:
        connection.execute(sql.SQL("drop index if exists {}").format(sql.Identifier(schema, name)))
    connection.execute(sql.SQL(_FACTS).format(table=table), numbers)
    for _, _, definition in indexes:
        connection.execute(definition.encode())
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum analyze")
