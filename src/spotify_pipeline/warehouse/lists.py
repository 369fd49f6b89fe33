"""Loading of lists: memberships of playlists, saved tracks, top tracks and plays.

They run in the transaction of a load, under its lock. As everywhere the greatest (observed_at, raw key) wins;
a playlist's membership on a date is replaced as a whole, and one read to its end wins over one that was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from spotify_pipeline.warehouse import lists_sql
from spotify_pipeline.warehouse.merge import KindCounts

LIST_OF_ENTRY: Mapping[str, str] = {
    "playlist_item": "playlist",
    "saved_track": "saved_tracks",
    "top_track": "top_tracks",
}


@dataclass(frozen=True, slots=True)
class ListRead:
    """One list and how it was read: `list_id` is a playlist's id, a user's hash, or HASH:TIME_RANGE."""

    list_kind: str
    list_id: str
    complete: bool
    item_count: int
    observed_at: datetime
    raw_key: str

    @property
    def observed_on(self) -> date:
        """UTC date of the answers."""
        return self.observed_at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An entry of a list; `position` from 0, `at` when it was added or played."""

    kind: str
    list_id: str
    position: int
    item_kind: str
    track_id: str | None
    at: datetime | None
    context_type: str | None
    context_id: str | None
    observed_at: datetime
    raw_key: str

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from the others of its kind."""
        if self.kind in ("playlist_item", "top_track"):
            return (self.list_id, self.position)
        if self.kind == "saved_track":
            return (self.list_id, self.track_id)
        return (self.list_id, self.at, self.track_id)


class Lists:
    """Lists of one source and partition; `counts` by entry kind are known before anything is loaded."""

    def __init__(self, reads: Sequence[ListRead], entries: Iterable[ListEntry]) -> None:
        self._reads = reads
        self._entries: dict[str, dict[tuple[Any, ...], ListEntry]] = {}
        sightings: dict[str, int] = {}
        for entry in entries:
            sightings[entry.kind] = sightings.get(entry.kind, 0) + 1
            known = self._entries.setdefault(entry.kind, {})
            before = known.get(entry.key)
            if before is None or (before.observed_at, before.raw_key) <= (entry.observed_at, entry.raw_key):
                known[entry.key] = entry
        self.counts = {kind: KindCounts(count, len(self._entries[kind])) for kind, count in sightings.items()}

    @property
    def played_at(self) -> list[datetime]:
        """When each play began."""
        return [entry.at for entry in self._of_kind("play") if entry.at is not None]

    def load(self, conn: psycopg.Connection, load_seq: int) -> None:
        """Write what wins; what is stored already is not written again."""
        for read in self._reads:
            if read.list_kind == "playlist":
                self._load_playlist(conn, read, load_seq)
            else:
                conn.execute(lists_sql.UPSERT_READ, _read_row(read, load_seq))
        with conn.cursor() as cursor:
            for kind, statement in lists_sql.UPSERT_ENTRY.items():
                rows = [_entry_row(entry, load_seq) for entry in self._of_kind(kind)]
                if rows:
                    cursor.executemany(statement, rows)

    def _of_kind(self, kind: str) -> list[ListEntry]:
        known = self._entries.get(kind, {})
        return [known[key] for key in sorted(known)]

    def _load_playlist(self, conn: psycopg.Connection, read: ListRead, load_seq: int) -> None:
        key = {"list_id": read.list_id, "observed_on": read.observed_on}
        stored = conn.execute(lists_sql.STORED_READ, key).fetchone()
        if stored is not None and (read.complete, read.observed_at, read.raw_key) < stored[:3]:
            return
        came = [
            (entry.position, entry.track_id, entry.item_kind, entry.at, read.complete)
            for entry in self._of_kind("playlist_item")
            if entry.list_id == read.list_id
        ]
        there = conn.execute(lists_sql.STORED_MEMBERSHIP, key).fetchall()
        if there == came and stored == (read.complete, read.observed_at, read.raw_key, read.item_count):
            return
        conn.execute(lists_sql.REPLACE_READ, _read_row(read, load_seq))
        if there == came:
            return
        conn.execute(lists_sql.DELETE_MEMBERSHIP, key)
        with conn.cursor().copy(lists_sql.COPY_MEMBERSHIP) as copy:
            for row in came:
                copy.write_row((read.list_id, read.observed_on, *row, load_seq))


def _read_row(read: ListRead, load_seq: int) -> dict[str, Any]:
    return {
        "list_kind": read.list_kind,
        "list_id": read.list_id,
        "observed_on": read.observed_on,
        "complete": read.complete,
        "item_count": read.item_count,
        "observed_at": read.observed_at,
        "raw_key": read.raw_key,
        "load_seq": load_seq,
    }


def _entry_row(entry: ListEntry, load_seq: int) -> dict[str, Any]:
    user, _, time_range = entry.list_id.partition(":")
    return {
        "user_hash": user,
        "time_range": time_range,
        "rank": entry.position + 1,
        "track_id": entry.track_id,
        "at": entry.at,
        "context_type": entry.context_type,
        "context_id": entry.context_id,
        "observed_on": entry.observed_at.astimezone(UTC).date(),
        "observed_at": entry.observed_at,
        "raw_key": entry.raw_key,
        "load_seq": load_seq,
    }
