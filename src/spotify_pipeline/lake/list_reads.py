"""Finds which lists a source read and whether completely, and stores them as NDJSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from spotify_pipeline.contract.entries import (
    LIST_OF_ENTRY,
    TOP_LISTS,
    EntryFields,
    EntryKind,
    ListEntry,
    ListRead,
)
from spotify_pipeline.contract.list_pages import SETS, ListPages, offset_of
from spotify_pipeline.lake import RawObject, keys


def list_id_of(kind: EntryKind, raw: RawObject, user: str | None) -> str:
    """Return the id of the list that a page belongs to: of a playlist, or of a list in a user's account.

    Raises:
        ValueError: the page does not name its playlist or its user.
    """
    if kind == "playlist_item":
        if raw.requested_id is None:
            raise ValueError("a page of a playlist without the playlist's id")
        return raw.requested_id
    if user is None:
        raise ValueError("a page of an account without its user")
    return f"{user}:{raw.query['time_range']}" if kind in TOP_LISTS else user


@dataclass
class _Reading:
    """Pages of one list so far, and the first and the latest of their responses."""

    pages: ListPages
    wanted: int = 0
    begun_at: datetime | None = None
    observed_at: datetime | None = None
    raw_key: str = ""


class ListsSeen:
    """Pages of lists; those of one list are added in the order of their requests."""

    def __init__(self) -> None:
        self._lists: dict[tuple[EntryKind, str], _Reading] = {}
        self._snapshots: dict[str | None, set[str]] = {}

    def add_playlist(self, raw: RawObject, playlist: Any) -> None:
        """Add a response with a playlist; the crawl stores two if it was edited while it was read."""
        snapshot = playlist.get("snapshot_id") if isinstance(playlist, dict) else None
        self._snapshots.setdefault(raw.requested_id, set()).add(str(snapshot))

    def add(self, kind: EntryKind, list_id: str, raw: RawObject, page: dict[str, Any]) -> None:
        """Add one page of a list."""
        reading = self._lists.get((kind, list_id))
        if reading is None:
            pages = ListPages(is_set=LIST_OF_ENTRY.get(kind) in SETS)
            reading = self._lists[kind, list_id] = _Reading(pages)
        offset = offset_of(raw.query)
        reading.pages.add(page, offset)
        limit = raw.query.get("limit", "")
        if limit.isascii() and limit.isdecimal():
            reading.wanted = max(reading.wanted, (offset or 0) + int(limit))
        reading.begun_at = min(reading.begun_at or raw.observed_at, raw.observed_at)
        reading.observed_at = max(reading.observed_at or raw.observed_at, raw.observed_at)
        reading.raw_key = max(reading.raw_key, raw.key)

    def reads(self, *, ended: bool = False) -> list[ListRead]:
        """Return one `ListRead` for each list, sorted; `ended` means that the crawl reached their ends."""
        if ended:
            for reading in self._lists.values():
                reading.pages.end()
        return [
            ListRead(
                list_kind=LIST_OF_ENTRY[kind],
                list_id=list_id,
                complete=self._is_complete(kind, list_id, reading),
                item_count=reading.pages.items,
                observed_at=reading.observed_at,
                raw_key=reading.raw_key,
                begun_at=reading.begun_at,
            )
            for (kind, list_id), reading in sorted(self._lists.items(), key=lambda item: item[0])
            if kind in LIST_OF_ENTRY and reading.observed_at is not None
        ]

    def _is_complete(self, kind: EntryKind, list_id: str, reading: _Reading) -> bool:
        # of a top list only its first entries are wanted
        if reading.pages.fault(reading.wanted if kind in TOP_LISTS else None) is not None:
            return False
        was_edited = kind == "playlist_item" and len(self._snapshots.get(list_id, ())) > 1
        return not was_edited


def entry_of(kind: EntryKind, list_id: str, position: int, fields: EntryFields, raw: RawObject) -> ListEntry:
    """Join the fields of an entry with its list and its response."""
    return ListEntry(
        kind=kind,
        list_id=list_id,
        position=position,
        item_kind=fields.item_kind,
        track_id=fields.track_id,
        at=fields.at,
        context_type=fields.context_type,
        context_id=fields.context_id,
        observed_at=raw.observed_at,
        raw_key=raw.key,
        artist_id=fields.artist_id,
    )


def entry_line(row: ListEntry | ListRead) -> bytes:
    """Return an entry or a list read as one NDJSON line."""
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def parse_entries(data: bytes) -> list[ListEntry]:
    """Parse the lines of an object of entries."""
    entries = (ListEntry(**orjson.loads(line)) for line in data.splitlines())
    return [
        replace(
            entry,
            at=None if entry.at is None else keys.parse_instant(str(entry.at)),
            observed_at=keys.parse_instant(str(entry.observed_at)),
        )
        for entry in entries
    ]


def parse_reads(data: bytes) -> list[ListRead]:
    """Parse the lines of an object of list reads."""
    reads = (ListRead(**orjson.loads(line)) for line in data.splitlines())
    return [
        replace(
            read,
            observed_at=keys.parse_instant(str(read.observed_at)),
            begun_at=None if read.begun_at is None else keys.parse_instant(str(read.begun_at)),
        )
        for read in reads
    ]
