"""Tests which lists a source read, how far, and when each read began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spotify_pipeline.lake import RawObject
from spotify_pipeline.lake.list_reads import ListsSeen, entry_line, parse_reads

BEGUN = datetime(2026, 11, 22, 6, tzinfo=UTC)
PLAYLIST = "p" * 22


def raw(minutes: int, offset: int = 0) -> RawObject:
    return RawObject(
        key=f"raw/{minutes}.json",
        kind="playlist_items",
        method="GET",
        path=f"/playlists/{PLAYLIST}/items",
        query={"limit": "50", "offset": str(offset)},
        requested_id=PLAYLIST,
        status=200,
        observed_at=BEGUN + timedelta(minutes=minutes),
        sha256="0" * 64,
        bytes=2,
    )


def pages(*lengths: int) -> ListsSeen:
    seen = ListsSeen()
    for number, length in enumerate(lengths):
        link = "next" if number + 1 < len(lengths) else None
        page: dict[str, Any] = {"items": [None] * length, "next": link, "total": sum(lengths)}
        seen.add("playlist_item", PLAYLIST, raw(number, 50 * number), page)
    return seen


def test_a_read_lasts_from_its_first_page_to_its_last() -> None:
    [read] = pages(50, 50, 2).reads()
    assert (read.complete, read.item_count) == (True, 102)
    assert (read.begun_at, read.observed_at) == (BEGUN, BEGUN + timedelta(minutes=2))
    assert parse_reads(entry_line(read)) == [read]


@pytest.mark.parametrize(("snapshots", "complete"), [(["a"], True), (["a", "a"], True), (["a", "b"], False)])
def test_a_playlist_with_two_snapshots_is_not_complete(snapshots: list[str], complete: bool) -> None:
    seen = pages(50, 2)
    for snapshot in snapshots:
        seen.add_playlist(raw(0), {"id": PLAYLIST, "snapshot_id": snapshot})
    [read] = seen.reads(ended=True)
    assert read.complete is complete
