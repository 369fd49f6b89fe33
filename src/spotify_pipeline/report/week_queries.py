"""Reads the data of the pages of a week: nothing later than its Sunday, in a total order."""

from __future__ import annotations

from datetime import date

import psycopg

from spotify_pipeline.lake.weeks import days
from spotify_pipeline.report import week_model as model
from spotify_pipeline.report.model import MoverRow, ReleaseRow
from spotify_pipeline.report.movers import MOVERS
from spotify_pipeline.report.queries import read_rows

RELEASE_ROWS = 25
MOVER_ROWS = 10
PLAYED_ROWS = 10


_DAYS = """
select calendar.day::date as day,
       publication.partition is not null as is_published,
       observed.tracks_crawled, observed.new_tracks, observed.new_albums, observed.new_artists
from generate_series(%(monday)s::date, %(sunday)s::date, interval '1 day') as calendar (day)
left join ops.publication publication on publication.partition = calendar.day::date
left join marts.fct_catalogue_daily observed on observed.observed_on = calendar.day::date
order by calendar.day
"""

_RELEASES = """
select album.album_id, album.album_name, album.spotify_url,
       album.primary_artist_name as artist_name, artist.spotify_url as artist_url,
       album.album_type, album.release_date, album.release_date_precision, album.total_tracks,
       album.first_seen_on
from marts.dim_album album
left join marts.dim_artist artist on artist.artist_id = album.primary_artist_id
where album.release_date between %(monday)s and %(sunday)s
  -- a year or a month is no day to be released on
  and album.release_date_precision = 'day'
  and album.first_seen_on <= %(sunday)s
order by album.release_date desc, album.total_tracks desc nulls last, album.album_id
limit %(rows)s
"""

_USERS = """
select distinct user_hash from marts.fct_play
where played_on between %(monday)s and %(sunday)s order by user_hash
"""

_LISTENING = """
select count(*) as plays, coalesce(sum(duration_ms), 0)::bigint as listened_ms,
       count(distinct track_id) as tracks, count(distinct primary_artist_id) as artists,
       count(*) filter (where duration_ms is null) as plays_of_unknown_length,
       count(*) filter (where is_first_listen_of_track) as new_tracks,
       count(*) filter (where is_first_listen_of_artist) as new_artists
from marts.fct_play
where user_hash = %(user)s and played_on between %(monday)s and %(sunday)s
"""

_TOP_TRACKS = """
select max(track.track_name) as name, max(track.spotify_url) as spotify_url,
       max(track.artist_names) as artist_names, count(*) as plays
from marts.fct_play play
left join marts.dim_track track using (track_id)
where play.user_hash = %(user)s and play.played_on between %(monday)s and %(sunday)s
group by play.track_id
order by plays desc, play.track_id
limit %(rows)s
"""

_TOP_ARTISTS = """
select max(artist.artist_name) as name, max(artist.spotify_url) as spotify_url,
       null::text as artist_names, count(*) as plays
from marts.fct_play play
join marts.dim_artist artist on artist.artist_id = play.primary_artist_id
where play.user_hash = %(user)s and play.played_on between %(monday)s and %(sunday)s
group by play.primary_artist_id
order by plays desc, play.primary_artist_id
limit %(rows)s
"""


def read_week(connection: psycopg.Connection, monday: date) -> dict[str | None, model.WeekData]:
    """Read the pages of a week in one snapshot, by user hash; None is the page of the catalogue.

    Raises:
        psycopg.Error: the marts or ops.publication cannot be read.
    """
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    week = {"monday": monday, "sunday": days(monday)[-1]}
    with connection.transaction():
        catalogue = model.WeekData(
            monday=monday,
            days=read_rows(connection, model.DayRow, _DAYS, **week),
            releases=read_rows(connection, ReleaseRow, _RELEASES, rows=RELEASE_ROWS, **week),
            movers=read_rows(
                connection,
                MoverRow,
                MOVERS,
                first=week["monday"],
                last=week["sunday"],
                rows=MOVER_ROWS,
            ),
        )
        pages: dict[str | None, model.WeekData] = {None: catalogue}
        for (user,) in connection.execute(_USERS, week).fetchall():
            bounds = {"user": user, "rows": PLAYED_ROWS, **week}
            pages[user] = model.WeekData(
                monday=monday,
                days=catalogue.days,
                releases=catalogue.releases,
                movers=catalogue.movers,
                listening=read_rows(connection, model.Listening, _LISTENING, **bounds)[0],
                top_tracks=read_rows(connection, model.PlayedRow, _TOP_TRACKS, **bounds),
                top_artists=read_rows(connection, model.PlayedRow, _TOP_ARTISTS, **bounds),
            )
    return pages
