"""Tests of lists: which reading of a date is kept, complete and partial readings, and plays."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spotify_pipeline.contract.entries import ListEntry, ListRead
from spotify_pipeline.warehouse.lists import Lists
from spotify_pipeline.warehouse.plays import advance_cursor, cursor_ms, moment_of, record_gap
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration
AT = datetime(2026, 11, 5, 3, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
USER = "0123456789abcdef"
PLAYLIST = "p" * 22
TOP = f"{USER}:short_term"


def entry(kind: str = "playlist_item", position: int = 0, **changes: Any) -> ListEntry:
    made = ListEntry(
        kind=kind,
        list_id=PLAYLIST if kind == "playlist_item" else USER,
        position=position,
        item_kind="track",
        track_id=f"track-{position}",
        at=AT,
        context_type=None,
        context_id=None,
        observed_at=AT,
        raw_key="raw/a.json",
    )
    return replace(made, **changes)


def read(
    items: int,
    *,
    kind: str = "playlist",
    list_id: str = PLAYLIST,
    at: datetime = AT,
    complete: bool = True,
    raw_key: str = "raw/a.json",
) -> ListRead:
    return ListRead(kind, list_id, complete, items, at, raw_key, at - timedelta(minutes=1))


def load(warehouse: Warehouse, reads: Sequence[ListRead], entries: Sequence[ListEntry]) -> Lists:
    lists = Lists(reads, entries)
    warehouse.load([], before_commit=lists.load)
    return lists


def membership(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows("SELECT position, track_id, complete FROM staging.playlist_membership ORDER BY 1")


def test_readings_of_a_date_give_the_same_rows_in_any_order(warehouse: Warehouse) -> None:
    whole = ([read(2)], [entry(position=0), entry(position=1)])
    shorter = (
        [read(1, at=LATER, raw_key="raw/b.json")],
        [entry(position=0, track_id="new", observed_at=LATER)],
    )
    cut = ([read(3, at=LATER, complete=False, raw_key="raw/c.json")], [entry(position=p) for p in range(3)])
    for order in itertools.permutations((whole, shorter, cut)):
        warehouse.empty()
        for reads, entries in (*order, order[0]):
            load(warehouse, reads, entries)
        # a complete reading takes precedence, then the later one; no row of the others is left
        assert membership(warehouse) == [(0, "new", True)]
        assert warehouse.rows("SELECT complete, item_count FROM staging.list_reads") == [(True, 1)]


def test_an_emptied_playlist_has_a_reading_and_no_entries(warehouse: Warehouse) -> None:
    load(warehouse, [read(1)], [entry()])
    load(warehouse, [read(0, at=LATER)], [])
    assert membership(warehouse) == []
    assert warehouse.rows("SELECT complete, item_count FROM staging.list_reads") == [(True, 0)]
    load(warehouse, [read(1)], [entry()])
    assert membership(warehouse) == []


@pytest.mark.parametrize("kind", ["track", "artist"])
def test_a_top_list_of_a_date_is_its_last_complete_reading(warehouse: Warehouse, kind: str) -> None:
    def reading(
        names: str, *, at: datetime = AT, complete: bool = True
    ) -> tuple[list[ListRead], list[ListEntry]]:
        made = [
            entry(
                f"top_{kind}",
                position,
                list_id=TOP,
                track_id=name if kind == "track" else None,
                artist_id=name if kind == "artist" else None,
                observed_at=at,
            )
            for position, name in enumerate(names)
        ]
        return [read(len(names), kind=f"top_{kind}s", list_id=TOP, at=at, complete=complete)], made

    long, short = reading("abcde"), reading("bca", at=LATER)
    cut = reading("ab", at=LATER + timedelta(hours=1), complete=False)
    for order in itertools.permutations((long, short, cut)):
        warehouse.empty()
        for reads, entries in (*order, order[0]):
            load(warehouse, reads, entries)
        ranks = f"SELECT rank, {kind}_id FROM staging.top_{kind}s ORDER BY rank"
        assert warehouse.rows(ranks) == [(1, "b"), (2, "c"), (3, "a")]


def test_a_load_with_equal_values_writes_no_row(warehouse: Warehouse) -> None:
    entries = [
        entry(),
        entry("saved_track"),
        entry("play"),
        entry("top_track", list_id=TOP),
        entry("top_artist", list_id=TOP, item_kind="artist", artist_id="artist"),
        entry("followed_artist", item_kind="artist", artist_id="artist"),
    ]
    tables = (
        "list_reads",
        "playlist_membership",
        "saved_tracks",
        "top_tracks",
        "top_artists",
        "followed_artists",
        "plays",
    )

    def versions() -> list[Any]:
        return [warehouse.rows(f"SELECT *, xmin::text FROM staging.{table}") for table in tables]

    reads = [read(1), *(read(1, kind=kind, list_id=TOP) for kind in ("top_tracks", "top_artists"))]
    load(warehouse, reads, entries)
    before = versions()
    assert [len(rows) for rows in before] == [3, 1, 1, 1, 1, 1, 1]
    load(warehouse, reads, entries)
    assert versions() == before


def test_a_corrected_value_of_one_response_replaces_the_old(warehouse: Warehouse) -> None:
    load(warehouse, [read(1)], [entry(), entry("saved_track", at=None)])
    load(warehouse, [read(1)], [entry(item_kind="local", track_id=None), entry("saved_track")])
    assert membership(warehouse) == [(0, None, True)]
    assert warehouse.rows("SELECT added_at FROM staging.saved_tracks") == [(AT,)]


def test_overlapping_readings_of_plays_keep_each_play_once(warehouse: Warehouse) -> None:
    plays = [entry("play", at=AT + timedelta(minutes=n), track_id="same") for n in range(5)]
    late = [replace(play, observed_at=LATER, raw_key="raw/b.json") for play in plays[2:]]
    twice = load(warehouse, [], [*plays[:3], plays[0]])
    assert (twice.counts["play"].loaded, twice.counts["play"].duplicates) == (3, 1)
    load(warehouse, [], late)
    load(warehouse, [], plays[:1])
    assert warehouse.row("SELECT count(*), min(played_at), max(played_at) FROM staging.plays") == (
        5, AT, AT + timedelta(minutes=4),
    )  # fmt: skip


def test_saved_tracks_keep_first_and_last_date_in_any_order(warehouse: Warehouse) -> None:
    days = [AT + timedelta(days=n) for n in range(3)]
    for order in itertools.permutations(days):
        warehouse.empty()
        for day in order:
            load(warehouse, [], [entry("saved_track", observed_at=day, at=day)])
        assert warehouse.row("SELECT first_seen_on, last_seen_on, added_at FROM staging.saved_tracks") == (
            days[0].date(), days[2].date(), days[2],
        )  # fmt: skip


def test_followed_artists_keep_both_dates_in_any_order(warehouse: Warehouse) -> None:
    days = [AT + timedelta(days=n) for n in range(3)]
    for order in itertools.permutations(days):
        warehouse.empty()
        for day in order:
            load(warehouse, [], [entry("followed_artist", artist_id="artist", observed_at=day)])
        assert warehouse.rows(
            "SELECT artist_id, first_seen_on, last_seen_on FROM staging.followed_artists"
        ) == [("artist", days[0].date(), days[2].date())]


def test_a_cursor_only_grows_and_a_gap_is_recorded_once(warehouse: Warehouse) -> None:
    with warehouse.connect() as conn:
        assert cursor_ms(conn, USER) is None
        for newest in (1_000, 3_000, 2_000):
            advance_cursor(conn, USER, newest, AT)
        assert cursor_ms(conn, USER) == 3_000
        assert record_gap(conn, USER, moment_of(1), moment_of(2), AT)
        assert not record_gap(conn, USER, moment_of(1), moment_of(2), LATER)
