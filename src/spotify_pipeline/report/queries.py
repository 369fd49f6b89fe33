"""Reads the data of the report: aggregates up to the partition, in a total order.

Dimensions have the newest name of each entity. Counts are limited by `first_seen_on` and `observed_on`, so
that a report that is built again after later partitions shows the same counts.
"""

from __future__ import annotations

from datetime import date
from typing import TypeVar

import psycopg
from psycopg.rows import class_row

from spotify_pipeline.report import model
from spotify_pipeline.report.movers import MOVERS

GROWTH_PARTITIONS = 30
TABLE_ROWS = 15
MOVER_ROWS = 10
DURATION_BIN_MS = 30_000
DURATION_LAST_BIN = 20  # ten minutes and longer share one bar
POPULARITY_BIN = 5

Row = TypeVar("Row")

_TOTALS = """
with previous as (
    select max(observed_on) as day from marts.fct_catalogue_daily where observed_on < %(partition)s
)
select t.tracks, a.albums, r.artists, t.playing_ms, t.new_tracks, a.new_albums, r.new_artists,
       previous.day as previous
from previous
cross join lateral (
    select count(*) as tracks,
           coalesce(sum(duration_ms), 0)::bigint as playing_ms,
           count(*) filter (where previous.day is null or first_seen_on > previous.day) as new_tracks
    from marts.dim_track where first_seen_on <= %(partition)s
) t
cross join lateral (
    select count(*) as albums,
           count(*) filter (where previous.day is null or first_seen_on > previous.day) as new_albums
    from marts.dim_album where first_seen_on <= %(partition)s
) a
cross join lateral (
    select count(*) as artists,
           count(*) filter (where previous.day is null or first_seen_on > previous.day) as new_artists
    from marts.dim_artist where first_seen_on <= %(partition)s
) r
"""

_GROWTH = """
select observed_on, tracks_crawled, new_tracks, new_albums, new_artists, tracks_known::bigint
from (
    select observed_on, tracks_crawled, new_tracks, new_albums, new_artists,
           sum(new_tracks) over (order by observed_on) as tracks_known
    from marts.fct_catalogue_daily
    where observed_on <= %(partition)s
) history
order by observed_on desc
limit %(partitions)s
"""

_RELEASE_YEARS = """
select release_year, coalesce(album_type, 'other') as album_type, count(*) as albums
from marts.dim_album
where first_seen_on <= %(partition)s and release_year > 0
group by 1, 2
order by 1, 2
"""

_DURATIONS = """
select least(duration_ms / %(width)s, %(last_bin)s)::int as lower, count(*) as count
from marts.dim_track
where first_seen_on <= %(partition)s and duration_ms > 0
group by 1
order by 1
"""

_POPULARITY = """
select (least(popularity, 99) / %(width)s * %(width)s)::int as lower, count(*) as count
from (
    -- track by track through the index: the history is a hundred times as long
    select observed.popularity
    from marts.dim_track track
    cross join lateral (
        select popularity
        from marts.fct_track_daily
        where track_id = track.track_id and observed_on <= %(partition)s and popularity is not null
        order by observed_on desc
        limit 1
    ) observed
    where track.popularity is not null
) latest
group by 1
order by 1
"""

_ARTISTS = """
select artist.artist_id, artist.artist_name, artist.spotify_url, artist.primary_genre,
       count(distinct track.track_id) as tracks, count(distinct track.album_id) as albums
from marts.bridge_track_artist credit
join marts.dim_track track using (track_id)
join marts.dim_artist artist using (artist_id)
where track.first_seen_on <= %(partition)s
group by artist.artist_id, artist.artist_name, artist.spotify_url, artist.primary_genre
order by tracks desc, albums desc, artist.artist_id
limit %(rows)s
"""

_RELEASES = """
select album.album_id, album.album_name, album.spotify_url,
       album.primary_artist_name as artist_name, artist.spotify_url as artist_url,
       album.album_type, album.release_date, album.release_date_precision, album.total_tracks,
       album.first_seen_on
from marts.dim_album album
left join marts.dim_artist artist on artist.artist_id = album.primary_artist_id
where album.first_seen_on <= %(partition)s and album.release_date <= %(partition)s
order by album.release_date desc, album.total_tracks desc nulls last, album.album_id
limit %(rows)s
"""

# of albums that a source still listed; an album with more tracks than it claims counts as complete
_COVERAGE = """
select coalesce(sum(claimed), 0)::bigint as claimed, coalesce(sum(least(claimed, known)), 0)::bigint as known
from (
    select album.total_tracks as claimed, count(track.track_id) as known
    from marts.dim_album album
    left join marts.dim_track track
        on track.album_id = album.album_id and track.first_seen_on <= %(partition)s
    where album.first_seen_on <= %(partition)s and (album.left_on is null or album.left_on > %(partition)s)
      and album.first_listed_on is not null and album.total_tracks is not null
    group by album.album_id, album.total_tracks
) albums
"""

_SOURCES = """
select source, record_kind, fetched, loaded, quarantined, duplicates, set_aside, is_complete, status, message
from marts.fct_source_daily
where partition = %(partition)s
order by source, record_kind
"""

# whether a reading of this day noticed a gap; times of plays are personal and not shown
_PLAYS_MISSING = "select exists (select from ops.listening_gap where noticed_on = %(partition)s)"

# summed over the kinds of a source's responses
_DRIFT = """
select source, record_kind, change, field, sum(records)::bigint as records,
       sum(of_records)::bigint as of_records
from ops.contract_drift
where partition = %(partition)s
group by source, record_kind, change, field
order by source, record_kind, change, field
"""


def read_report(connection: psycopg.Connection, partition: date) -> model.ReportData:
    """Read all data of one page in one snapshot, so that its figures agree with each other.

    Raises:
        psycopg.Error: the marts or ops.publication cannot be read.
    """
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    rows = {"partition": partition, "rows": TABLE_ROWS}
    with connection.transaction():
        published = connection.execute(
            "select tests_passed from ops.publication where partition = %(partition)s", rows
        ).fetchone()
        missing = connection.execute(_PLAYS_MISSING, rows).fetchone()
        growth = read_rows(
            connection, model.GrowthDay, _GROWTH, partition=partition, partitions=GROWTH_PARTITIONS
        )
        return model.ReportData(
            partition=partition,
            tests_passed=published[0] if published else None,
            totals=read_rows(connection, model.Totals, _TOTALS, **rows)[0],
            growth=growth[::-1],
            release_years=read_rows(connection, model.YearCount, _RELEASE_YEARS, **rows),
            durations=read_rows(
                connection,
                model.Bin,
                _DURATIONS,
                partition=partition,
                width=DURATION_BIN_MS,
                last_bin=DURATION_LAST_BIN,
            ),
            popularity=read_rows(
                connection, model.Bin, _POPULARITY, partition=partition, width=POPULARITY_BIN
            ),
            artists=read_rows(connection, model.ArtistRow, _ARTISTS, **rows),
            releases=read_rows(connection, model.ReleaseRow, _RELEASES, **rows),
            coverage=read_rows(connection, model.Coverage, _COVERAGE, partition=partition)[0],
            movers=read_rows(
                connection, model.MoverRow, MOVERS, first=partition, last=partition, rows=MOVER_ROWS
            ),
            sources=read_rows(connection, model.SourceRow, _SOURCES, **rows),
            plays_missing=bool(missing and missing[0]),
            drift=read_rows(connection, model.DriftRow, _DRIFT, partition=partition),
        )


def read_rows(connection: psycopg.Connection, row: type[Row], sql: str, **parameters: object) -> list[Row]:
    """Run a query, and return its rows as instances of a class."""
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(sql, parameters).fetchall()
