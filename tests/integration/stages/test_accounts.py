"""Tests of a user's account: playlists, saved and top lists, followed artists, and hourly plays."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from spotify_pipeline.connections import SPOTIFY_USER
from spotify_pipeline.lake.manifest import read_manifest, sha256
from spotify_pipeline.spotify.endpoints import Scope
from spotify_pipeline.stages.listening import load_plays, reason_not_read
from spotify_pipeline.warehouse.connection import connect
from spotify_sandbox.testing import running
from tests.integration.pipeline import (
    DAY,
    HASH,
    NEXT_DAY,
    USER,
    Pipeline,
    alter,
    connected,
    listen,
    logged_in,
    own_sources,
)

pytestmark = pytest.mark.integration
ALL = ["followed", "lists", "plays", "saved", "top", "top-artists"]
LISTS = ("saved_tracks", "top_tracks", "top_artists", "followed_artists", "plays")
COUNTS = """
    SELECT record_kind, bool_and(fetched = loaded + quarantined + duplicates + set_aside), sum(fetched)
    FROM ops.reconciliation GROUP BY 1 ORDER BY 1
"""


@pytest.fixture
def account(pipeline: Pipeline) -> Iterator[Pipeline]:
    """A pipeline whose sources are those of one user."""
    pipeline.list_sources(*own_sources(pipeline))
    yield logged_in(pipeline)
    pipeline.sandbox.control.reset_users()


def test_a_user_s_lists_and_plays_reach_staging(account: Pipeline) -> None:
    verdict = account.run()
    assert verdict.complete == ALL
    counts = account.query(COUNTS)
    assert {row[0] for row in counts} == {
        "artist", "followed_artist", "play", "playlist", "playlist_item", "saved_track", "top_artist",
        "top_track", "track",
    }  # fmt: skip
    assert all(row[1] for row in counts)
    for table in ("playlists", "playlist_membership", "list_reads", *LISTS):
        assert account.query(f"SELECT count(*) > 0 FROM staging.{table}") == [(True,)], table
    # each list is complete and has as many entries as there are rows
    assert account.query("SELECT bool_and(complete) FROM staging.list_reads") == [(True,)]
    assert account.query(
        "SELECT count(*) FROM staging.list_reads AS r WHERE list_kind = 'playlist' AND item_count <>"
        " (SELECT count(*) FROM staging.playlist_membership WHERE playlist_id = r.list_id)"
    ) == [(0,)]
    # the tracks and artists in the lists are loaded as records
    assert account.query(
        "SELECT count(*) FROM staging.saved_tracks LEFT JOIN staging.tracks USING (track_id)"
        " WHERE tracks IS NULL"
    ) == [(0,)]
    assert account.query(
        "SELECT count(*) FROM staging.followed_artists JOIN staging.artists USING (artist_id)"
        " WHERE artists.detail_observed_at IS NULL"
    ) == [(0,)]
    assert account.query("SELECT min(rank) FROM staging.top_artists") == [(1,)]
    assert account.query("SELECT min(rank) FROM staging.top_tracks GROUP BY time_range") == [(1,), (1,)]


@pytest.mark.slow
def test_an_extended_app_reads_a_user_s_lists_too(pipeline: Pipeline) -> None:
    with running(mode="extended", size=300) as sandbox:
        moved = logged_in(connected(pipeline, sandbox, "extended"))
        moved.list_sources(*own_sources(moved))
        assert moved.run().complete == ALL
        assert all(row[1] for row in moved.query(COUNTS))
        for table in ("playlist_membership", *LISTS):
            assert moved.query(f"SELECT count(*) > 0 FROM staging.{table}") == [(True,)], table


def test_objects_of_an_account_have_its_hash_in_the_key(account: Pipeline) -> None:
    account.run()
    for zone in ("raw", "validated"):
        stored = account.lake.keys(f"{zone}/")
        assert stored
        assert all(f"/user={HASH}/" in key for key in stored), zone
    for table in ("playlists", *LISTS):
        assert account.query(f"SELECT count(*) FROM staging.{table} AS t WHERE t::text LIKE '%{USER}%'") == [
            (0,)
        ]


def test_a_login_is_recorded_with_hash_and_end(account: Pipeline) -> None:
    account.run()
    known = account.query('SELECT user_hash, connection, token_expires_on, erased_at FROM ops."user"')
    assert known == [(HASH, SPOTIFY_USER, date(2027, 5, 1), None)]
    versions = account.query('SELECT xmin::text FROM ops."user"')
    listen(account)
    assert account.query('SELECT xmin::text FROM ops."user"') == versions


@pytest.mark.slow
def test_promise_1_and_2_hold_for_lists(account: Pipeline) -> None:
    account.run()
    first = account.checksums()
    account.run()
    assert account.checksums() == first
    account.go_to(NEXT_DAY)
    account.run(NEXT_DAY)
    expected = account.checksums()
    with connect(account.runtime.lookup("warehouse_owner")) as conn:
        conn.execute(
            "TRUNCATE staging.tracks, staging.albums, staging.artists, staging.source_records,"
            " staging.track_observations, staging.album_observations, staging.artist_observations,"
            " staging.playlists, staging.playlist_observations, staging.playlist_membership,"
            " staging.list_reads, staging.saved_tracks, staging.top_tracks, staging.plays,"
            " staging.top_artists, staging.followed_artists"
        )
    for day in (NEXT_DAY, DAY, NEXT_DAY):
        for name in ("top", "plays", "followed", "saved", "top-artists", "lists"):
            account.validate(name, day)
            account.load(name, day)
    assert account.checksums() == expected


@pytest.mark.slow
def test_a_partial_playlist_is_not_recorded_as_complete(account: Pipeline) -> None:
    account.run()
    whole = account.query("SELECT count(*) FROM staging.list_reads WHERE list_kind = 'playlist' AND complete")
    account.go_to(NEXT_DAY)
    account.sandbox.control.exhaust_quota("/items", after=1)
    assert "lists" in account.run(NEXT_DAY).partial
    reads = (
        "SELECT count(*) FROM staging.list_reads WHERE list_kind = 'playlist'"
        f" AND complete AND observed_on = '{NEXT_DAY}'"
    )
    assert account.query(reads)[0] < whole[0]
    # the complete reading of the same date replaces the partial one
    account.sandbox.control.clear_faults()
    with connect(account.runtime.ingest) as conn:
        conn.execute("UPDATE ops.api_cooldown SET deadline = %s", [datetime(2026, 1, 1, tzinfo=UTC)])
    assert "lists" in account.run(NEXT_DAY).complete
    assert account.query(reads) == whole


def test_a_list_with_bad_entries_keeps_the_others(account: Pipeline) -> None:
    account.fetch("saved")
    manifest = read_manifest(account.lake, DAY, "saved")
    assert manifest is not None
    assert manifest.user == HASH
    raw = manifest.objects[0]
    stored = account.lake.get(raw.key)
    body = orjson.loads(stored.data)
    body["items"][0]["added_at"] = "2026-13-45T00:00:00Z"
    body["items"][1]["added_at"] = "yesterday"
    body["items"][2] = None
    data = orjson.dumps(body)
    account.lake.put(raw.key, data, metadata=stored.metadata)
    altered = replace(raw, sha256=sha256(data), bytes=len(data))
    objects = (altered, *manifest.objects[1:])
    account.lake.put(manifest.key, replace(manifest, objects=objects).to_bytes())
    counts = account.validate("saved").counts["saved_track"]
    assert (counts.quarantined, counts.set_aside) == (2, 1)
    assert counts.fetched == counts.accepted + 3


def test_overlapping_hours_load_every_play_once(account: Pipeline) -> None:
    for time in ("06:05:00", "07:05:00", "07:50:00", "09:40:00"):
        account.go_to(DAY, time)
        listen(account)
    plays = account.query("SELECT played_at, track_id FROM staging.plays ORDER BY 1, 2")
    assert len(set(plays)) == len(plays) > 0
    # reading the same history at once finds no other plays
    account.run()
    newest = plays[-1][0]
    at_once = account.query(
        f"SELECT played_at, track_id FROM staging.plays WHERE played_at <= '{newest}' ORDER BY 1, 2"
    )
    assert at_once == plays
    cursor = account.query("SELECT after_ms FROM ops.play_cursor")
    assert datetime.fromtimestamp(cursor[0][0] / 1000, UTC) == newest  # type: ignore[operator]


def test_a_reading_repeated_in_its_hour_changes_nothing(account: Pipeline) -> None:
    account.go_to(DAY, "06:05:00")
    listen(account)
    before = account.checksums(), account.objects("raw")
    account.sandbox.control.reset_calls()
    listen(account)
    assert account.sandbox.control.calls().api_total == 0
    assert (account.checksums(), account.objects("raw")) == before


def test_plays_that_are_reported_late_are_loaded(account: Pipeline) -> None:
    account.sandbox.control.add_fault("late_plays", path="recently-played", times=1, seconds=6 * 3600)
    account.go_to(DAY, "22:05:00")
    listen(account)
    before = set(account.query("SELECT played_at, track_id FROM staging.plays"))
    account.go_to(DAY, "23:05:00")
    listen(account)
    newest = max(str(played_at) for played_at, _ in before)
    late = {
        row for row in account.query("SELECT played_at, track_id FROM staging.plays") if row not in before
    }
    assert any(str(played_at) < newest for played_at, _ in late)
    assert account.query("SELECT count(*) FROM ops.play_gap") == [(0,)]


def test_the_daily_source_records_a_gap_too(account: Pipeline) -> None:
    account.list_sources({"name": "plays", "kind": "recently_played"})
    account.run()
    assert account.query("SELECT count(*) FROM ops.play_gap") == [(0,)]
    later = DAY + timedelta(days=20)
    account.go_to(later)
    account.run(later)
    assert account.query("SELECT count(*) FROM ops.play_gap") == [(1,)]


@pytest.mark.slow
def test_a_partial_library_is_not_recorded_as_complete(account: Pipeline) -> None:
    account.list_sources({"name": "saved", "kind": "saved_tracks"})
    account.run()
    whole = account.query("SELECT track_id FROM staging.saved_tracks ORDER BY 1")
    account.go_to(NEXT_DAY)
    account.sandbox.control.add_fault("empty_page", path="me/tracks.*offset=50", times=None)
    assert list(account.run(NEXT_DAY).partial) == ["saved"]
    complete = f"SELECT complete FROM staging.list_reads WHERE observed_on = '{NEXT_DAY}'"
    assert account.query(complete) == [(False,)]
    account.sandbox.control.clear_faults()
    # a second run of the same day requests only the missing pages
    account.sandbox.control.reset_calls()
    assert not account.run(NEXT_DAY).partial
    assert account.query(complete) == [(True,)]
    pages = -(-len(whole) // 50)
    assert account.sandbox.control.calls().by_bucket["/v1/me/tracks"] == pages - 1
    third = NEXT_DAY + timedelta(days=1)
    account.go_to(third)
    assert not account.run(third).partial
    assert account.query(complete.replace(str(NEXT_DAY), str(third))) == [(True,)]
    assert set(whole) <= set(account.query("SELECT track_id FROM staging.saved_tracks"))


def test_a_possible_gap_is_recorded_once_with_a_warning(
    account: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    account.go_to(DAY, "06:05:00")
    first = listen(account)
    assert account.query("SELECT count(*) FROM ops.play_gap") == [(0,)]
    # after weeks without a reading Spotify no longer has the oldest plays
    later = DAY + timedelta(days=20)
    account.go_to(later)
    with caplog.at_level(logging.WARNING):
        second = listen(account)
    assert "may be lost" in caplog.text
    gap = account.query("SELECT from_played_at, to_played_at FROM ops.play_gap")
    assert len(gap) == 1
    assert gap[0][0] < gap[0][1]  # type: ignore[operator]
    # further loads in any order keep one gap
    for reading in (second, first):
        load_plays(account.runtime, reading)
    assert account.query("SELECT from_played_at, to_played_at FROM ops.play_gap") == gap


def test_a_play_in_the_future_does_not_hide_a_gap(account: Pipeline) -> None:
    account.list_sources({"name": "plays", "kind": "recently_played"})
    account.fetch("plays")

    def postpone_one(page: dict[str, Any]) -> None:
        page["items"][0]["played_at"] = "2031-01-01T00:00:00.000Z"

    alter(account, "plays", "recently_played", postpone_one)
    account.validate("plays")
    account.load("plays")
    assert account.query("SELECT max(played_at) > '2030-01-01' FROM staging.plays") == [(True,)]
    end_of_day = datetime.combine(NEXT_DAY, datetime.min.time(), UTC)
    [(cursor,)] = account.query("SELECT after_ms FROM ops.play_cursor")
    assert int(str(cursor)) < end_of_day.timestamp() * 1000
    later = DAY + timedelta(days=20)
    account.go_to(later)
    account.run(later)
    assert account.query("SELECT count(*) FROM ops.play_gap") == [(1,)]


def test_without_a_login_the_reason_is_given(pipeline: Pipeline) -> None:
    assert "define connection 'spotify_user'" in str(reason_not_read(pipeline.runtime))
    without = logged_in(pipeline, (Scope.LIBRARY,))
    assert str(Scope.RECENTLY_PLAYED) in str(reason_not_read(without.runtime))
    assert reason_not_read(logged_in(pipeline).runtime) is None
