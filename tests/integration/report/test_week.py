"""Tests of a week's page, from marts in a real Postgres to a real object store."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from spotify_pipeline.connections import SPOTIFY_LAKE, ConnectionInfo
from spotify_pipeline.errors import SchemaVersionError
from spotify_pipeline.lake.weeks import days, week_page_key
from spotify_pipeline.maintenance.objects import objects_of_user
from spotify_pipeline.report import build_week, publish_week
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Runtime
from spotify_stack.object_store import HOST, SeaweedServer
from tests.integration.report import report_marts as marts

pytestmark = pytest.mark.integration
MONDAY = date(2021, 3, 15)
WEEK = days(MONDAY)
USER, OTHER = "0123456789abcdef", "fedcba9876543210"


def add_catalogue(warehouse: psycopg.Connection) -> None:
    """Insert an artist, an album released in the week, and a track on it, all first seen on Tuesday."""
    marts.add_artist(warehouse, "ar1", "Sigur Rós", WEEK[1])
    marts.add_album(warehouse, "al1", "Ágætis byrjun", "ar1", WEEK[1])
    marts.add_track(warehouse, "tr1", "Starálfur", "al1", ["ar1"], WEEK[1])


def test_a_whole_week_shows_its_releases_and_new_records(
    warehouse: psycopg.Connection, reader: ConnectionInfo
) -> None:
    add_catalogue(warehouse)
    marts.add_album(warehouse, "al2", "Of the week before", "ar1", MONDAY - timedelta(days=1))
    marts.add_album(
        warehouse, "al3", "Known next week", "ar1", WEEK[6] + timedelta(days=1), release_date=WEEK[2]
    )
    marts.add_album(warehouse, "al4", "Some day in March", "ar1", WEEK[1], release_date_precision="month")
    for number, day in enumerate(WEEK):
        marts.add_day(warehouse, day, tracks_crawled=10, new_tracks=number, new_albums=1)

    pages = build_week(reader, MONDAY)

    assert list(pages) == [None]
    page = pages[None] or ""
    assert "Week 2021-W11" in page
    assert "missing" not in page
    assert "Ágætis byrjun" in page
    assert not [title for title in ("Of the week before", "Known next week", "Some day") if title in page]
    assert '<dd class="value">21</dd><dd class="change">first seen this week</dd>' in page
    assert "https://open.spotify.com/album/al1" in page


def test_a_week_with_missing_days_names_them(warehouse: psycopg.Connection, reader: ConnectionInfo) -> None:
    for day in (*WEEK[:2], *WEEK[3:]):
        marts.add_day(warehouse, day)

    page = build_week(reader, MONDAY)[None]

    assert "1 day of this week is missing" in page
    assert f"Wednesday, {WEEK[2]}" in page


def test_movers_are_of_the_newest_day_of_the_week(
    warehouse: psycopg.Connection, reader: ConnectionInfo
) -> None:
    add_catalogue(warehouse)
    for day, popularity, change in ((-2, 40, 30), (1, 41, 31), (5, 47, 7), (8, 99, 52)):
        marts.add_mover(warehouse, "tr1", MONDAY + timedelta(days=day), popularity, change)

    page = build_week(reader, MONDAY)[None]

    assert '<td class="num" data-label="popularity">47</td>' in page
    assert '<td class="num" data-label="change">+7</td>' in page


def test_each_listener_s_page_shows_only_their_own_plays(
    warehouse: psycopg.Connection, reader: ConnectionInfo
) -> None:
    add_catalogue(warehouse)
    for day in (WEEK[0], WEEK[6]):
        marts.add_play(warehouse, USER, "tr1", "ar1", day)
    marts.add_play(warehouse, USER, "tr1", "ar1", WEEK[6] + timedelta(days=1))
    marts.add_play(warehouse, OTHER, "quarantined", "unknown", WEEK[3])

    pages = build_week(reader, MONDAY)

    assert list(pages) == [None, USER, OTHER]
    assert "played" not in (pages[None] or "")
    assert "Starálfur" in pages[USER]
    assert '<dd class="value">2</dd><dd class="change">in seven days</dd>' in pages[USER]
    assert "(no name)" in pages[OTHER]
    assert "Starálfur" not in pages[OTHER]


def test_the_error_for_a_missing_mart_names_it(migrated_database: str, reader: ConnectionInfo) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("drop table marts.fct_play")
    with pytest.raises(SchemaVersionError, match=r"fct_play.*the week of 2021-03-15"):
        build_week(reader, MONDAY)


def test_run_twice_same_objects(
    warehouse: psycopg.Connection,
    reader: ConnectionInfo,
    s3_server: SeaweedServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Promise 1: a second run writes nothing, and a changed mart replaces the page."""
    lake = ConnectionInfo(
        conn_id=SPOTIFY_LAKE,
        host=HOST,
        port=s3_server.port,
        login=s3_server.access_key,
        password=s3_server.secret_key,
        schema="spotify-lake",
    )
    runtime = Runtime(
        settings=Settings(report_dir=tmp_path / "copies"),
        lookup={lake.conn_id: lake, reader.conn_id: reader}.__getitem__,
    )
    keys = [week_page_key(MONDAY), week_page_key(MONDAY, USER)]
    for key in keys:
        runtime.lake.delete(key)
    marts.add_play(warehouse, USER, "tr1", "ar1", WEEK[0])
    written: list[str] = []
    put = runtime.lake.put

    def recorded(key: str, *arguments: Any, **options: Any) -> Any:
        written.append(key)
        return put(key, *arguments, **options)

    monkeypatch.setattr(runtime.lake, "put", recorded)

    assert publish_week(runtime, MONDAY) == keys
    assert publish_week(runtime, MONDAY) == keys
    assert written == keys
    marts.add_day(warehouse, WEEK[0], new_tracks=3)
    publish_week(runtime, MONDAY)
    assert written == keys * 2
    assert runtime.lake.get(keys[0]).data.startswith(b"<!doctype html>")
    copies = {path.name: path.read_bytes() for path in (tmp_path / "copies").iterdir()}
    assert copies == {"week-2021-W11.html": runtime.lake.get(keys[0]).data}, (
        "a listener's page is not copied to the folder"
    )
    assert keys[1] in objects_of_user(runtime.lake, USER)["reports"], "an erasure of the user finds the page"
