"""Loads lists: memberships of playlists, saved tracks, top lists, followed artists and plays.

It runs in the transaction of a load, under its lock. In each upsert, the greatest (observed_at, raw key)
wins, and equal rows are not written. The playlists and top lists of a date are replaced as a whole, since a
later reading can have fewer entries; a complete reading wins over an incomplete one.
"""
# ruff: noqa: S608 - the names in the statements are those of `_REPLACED_LISTS`

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.entries import ListEntry, ListRead
from spotify_pipeline.warehouse.merge import loaded_counts

_INSERT_READ: LiteralString = """
INSERT INTO staging.list_reads AS stored
    (list_kind, list_id, observed_on, complete, item_count, begun_at, observed_at, raw_key, load_seq)
VALUES (%(list_kind)s, %(list_id)s, %(observed_on)s, %(complete)s, %(item_count)s, %(begun_at)s,
    %(observed_at)s, %(raw_key)s, %(load_seq)s)
ON CONFLICT (list_kind, list_id, observed_on) DO UPDATE SET
    complete = excluded.complete, item_count = excluded.item_count, begun_at = excluded.begun_at,
    observed_at = excluded.observed_at, raw_key = excluded.raw_key, load_seq = excluded.load_seq
"""
_UPSERT_READ: LiteralString = (
    _INSERT_READ
    + """
WHERE (excluded.complete, excluded.observed_at, excluded.raw_key)
        > (stored.complete, stored.observed_at, stored.raw_key)
    OR ((excluded.complete, excluded.observed_at, excluded.raw_key)
            = (stored.complete, stored.observed_at, stored.raw_key)
        AND (excluded.item_count, excluded.begun_at) IS DISTINCT FROM (stored.item_count, stored.begun_at))
"""
)
_STORED_READ: LiteralString = """
SELECT complete, observed_at, raw_key, item_count, begun_at FROM staging.list_reads
WHERE list_kind = %(list_kind)s AND list_id = %(list_id)s AND observed_on = %(observed_on)s
"""


@dataclass(frozen=True)
class _ReplacedList:
    """A kind of list that is replaced as a whole.

    Attributes:
        entry_kind: kind of its entries.
        table: table of its entries.
        key: columns that identify list and date, in the order of `key_of`.
        columns: the other columns, the position first, in the order of `row_of`.
        key_of: values of `key` for a read.
        row_of: values of `columns` for an entry of a read.
    """

    entry_kind: str
    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    key_of: Callable[[ListRead], tuple[Any, ...]]
    row_of: Callable[[ListRead, ListEntry], tuple[Any, ...]]


def _top_list(kind: str) -> _ReplacedList:
    return _ReplacedList(
        entry_kind=f"top_{kind}",
        table=f"staging.top_{kind}s",
        key=("user_hash", "time_range", "observed_on"),
        columns=("rank", f"{kind}_id", "observed_at", "raw_key"),
        key_of=lambda read: (*read.list_id.split(":"), read.observed_on),
        row_of=lambda _, entry: (
            entry.position + 1,
            entry.artist_id if kind == "artist" else entry.track_id,
            entry.observed_at,
            entry.raw_key,
        ),
    )


_REPLACED_LISTS: Mapping[str, _ReplacedList] = {
    "playlist": _ReplacedList(
        entry_kind="playlist_item",
        table="staging.playlist_membership",
        key=("playlist_id", "observed_on"),
        columns=("position", "track_id", "item_kind", "added_at", "complete"),
        key_of=lambda read: (read.list_id, read.observed_on),
        row_of=lambda read, entry: (
            entry.position,
            entry.track_id,
            entry.item_kind,
            entry.at,
            read.complete,
        ),
    ),
    "top_tracks": _top_list("track"),
    "top_artists": _top_list("artist"),
}

_SAVED: LiteralString = """
INSERT INTO staging.saved_tracks AS stored
    (user_hash, track_id, added_at, observed_at, raw_key, first_seen_on, last_seen_on, load_seq)
VALUES (%(user_hash)s, %(track_id)s, %(at)s, %(observed_at)s, %(raw_key)s, %(observed_on)s, %(observed_on)s,
    %(load_seq)s)
ON CONFLICT (user_hash, track_id) DO UPDATE SET
    added_at = CASE WHEN (excluded.observed_at, excluded.raw_key) >= (stored.observed_at, stored.raw_key)
        THEN excluded.added_at ELSE stored.added_at END,
    observed_at = greatest(stored.observed_at, excluded.observed_at),
    raw_key = CASE WHEN (excluded.observed_at, excluded.raw_key) >= (stored.observed_at, stored.raw_key)
        THEN excluded.raw_key ELSE stored.raw_key END,
    first_seen_on = least(stored.first_seen_on, excluded.first_seen_on),
    last_seen_on = greatest(stored.last_seen_on, excluded.last_seen_on),
    load_seq = excluded.load_seq
WHERE (excluded.observed_at, excluded.raw_key) > (stored.observed_at, stored.raw_key)
    OR excluded.first_seen_on < stored.first_seen_on
    OR ((excluded.observed_at, excluded.raw_key) = (stored.observed_at, stored.raw_key)
        AND excluded.added_at IS DISTINCT FROM stored.added_at)
"""
_FOLLOWED: LiteralString = """
INSERT INTO staging.followed_artists AS stored
    (user_hash, artist_id, observed_at, raw_key, first_seen_on, last_seen_on, load_seq)
VALUES (%(user_hash)s, %(artist_id)s, %(observed_at)s, %(raw_key)s, %(observed_on)s, %(observed_on)s,
    %(load_seq)s)
ON CONFLICT (user_hash, artist_id) DO UPDATE SET
    observed_at = greatest(stored.observed_at, excluded.observed_at),
    raw_key = CASE WHEN (excluded.observed_at, excluded.raw_key) >= (stored.observed_at, stored.raw_key)
        THEN excluded.raw_key ELSE stored.raw_key END,
    first_seen_on = least(stored.first_seen_on, excluded.first_seen_on),
    last_seen_on = greatest(stored.last_seen_on, excluded.last_seen_on),
    load_seq = excluded.load_seq
WHERE (excluded.observed_at, excluded.raw_key) > (stored.observed_at, stored.raw_key)
    OR excluded.first_seen_on < stored.first_seen_on
"""
_PLAY: LiteralString = """
INSERT INTO staging.plays AS stored
    (user_hash, played_at, track_id, context_type, context_id, observed_at, raw_key, first_seen_on, load_seq)
VALUES (%(user_hash)s, %(at)s, %(track_id)s, %(context_type)s, %(context_id)s, %(observed_at)s, %(raw_key)s,
    %(observed_on)s, %(load_seq)s)
ON CONFLICT (user_hash, played_at, track_id) DO UPDATE SET
    context_type = CASE WHEN (excluded.observed_at, excluded.raw_key) >= (stored.observed_at, stored.raw_key)
        THEN excluded.context_type ELSE stored.context_type END,
    context_id = CASE WHEN (excluded.observed_at, excluded.raw_key) >= (stored.observed_at, stored.raw_key)
        THEN excluded.context_id ELSE stored.context_id END,
    observed_at = greatest(stored.observed_at, excluded.observed_at),
    raw_key = CASE WHEN (excluded.observed_at, excluded.raw_key) >= (stored.observed_at, stored.raw_key)
        THEN excluded.raw_key ELSE stored.raw_key END,
    first_seen_on = least(stored.first_seen_on, excluded.first_seen_on),
    load_seq = excluded.load_seq
WHERE (excluded.observed_at, excluded.raw_key) > (stored.observed_at, stored.raw_key)
    OR excluded.first_seen_on < stored.first_seen_on
    OR ((excluded.observed_at, excluded.raw_key) = (stored.observed_at, stored.raw_key)
        AND (excluded.context_type, excluded.context_id)
            IS DISTINCT FROM (stored.context_type, stored.context_id))
"""
_UPSERT_ENTRY: Mapping[str, LiteralString] = {
    "saved_track": _SAVED,
    "followed_artist": _FOLLOWED,
    "play": _PLAY,
}


class Lists:
    """Lists of one source and partition; `counts`, by kind of entry, is set before the load."""

    def __init__(self, reads: Sequence[ListRead], entries: Iterable[ListEntry]) -> None:
        self._reads = reads
        self._entries: dict[str, dict[tuple[Any, ...], ListEntry]] = {}
        observed: dict[str, int] = {}
        for entry in entries:
            observed[entry.kind] = observed.get(entry.kind, 0) + 1
            known = self._entries.setdefault(entry.kind, {})
            before = known.get(entry.key)
            if before is None or (before.observed_at, before.raw_key) <= (entry.observed_at, entry.raw_key):
                known[entry.key] = entry
        self.counts: dict[str, KindCounts] = {
            kind: loaded_counts(count, len(self._entries[kind])) for kind, count in observed.items()
        }

    @property
    def played_at(self) -> list[datetime]:
        """Start of each play."""
        return [entry.at for entry in self._of_kind("play") if entry.at is not None]

    def load(self, conn: psycopg.Connection, load_seq: int) -> None:
        """Write the reads and entries that win over the stored ones."""
        for read in self._reads:
            if read.list_kind in _REPLACED_LISTS:
                self._replace(conn, _REPLACED_LISTS[read.list_kind], read, load_seq)
            else:
                conn.execute(_UPSERT_READ, _read_row(read, load_seq))
        with conn.cursor() as cursor:
            for kind, statement in _UPSERT_ENTRY.items():
                rows = [_entry_row(entry, load_seq) for entry in self._of_kind(kind)]
                if rows:
                    cursor.executemany(statement, rows)

    def _of_kind(self, kind: str) -> list[ListEntry]:
        known = self._entries.get(kind, {})
        return [known[key] for key in sorted(known)]

    def _replace(self, conn: psycopg.Connection, kind: _ReplacedList, read: ListRead, load_seq: int) -> None:
        row = _read_row(read, load_seq)
        stored = conn.execute(_STORED_READ, row).fetchone()
        if stored is not None and (read.complete, read.observed_at, read.raw_key) < stored[:3]:
            return
        new_rows = [
            kind.row_of(read, entry)
            for entry in self._of_kind(kind.entry_kind)
            if entry.list_id == read.list_id
        ]
        key, columns = kind.key_of(read), ", ".join(kind.columns)
        of_list = f"{kind.table} WHERE ({', '.join(kind.key)}) = ({', '.join(['%s'] * len(key))})"
        select = f"SELECT {columns} FROM {of_list} ORDER BY {kind.columns[0]}"
        stored_rows = conn.execute(select.encode(), key).fetchall()
        unchanged = (read.complete, read.observed_at, read.raw_key, read.item_count, read.begun_at)
        if stored_rows == new_rows and stored == unchanged:
            return
        conn.execute(_INSERT_READ, row)
        if stored_rows == new_rows:
            return
        conn.execute(f"DELETE FROM {of_list}".encode(), key)
        into = f"COPY {kind.table} ({', '.join(kind.key)}, {columns}, load_seq) FROM STDIN"
        with conn.cursor().copy(into.encode()) as copy:
            for values in new_rows:
                copy.write_row((*key, *values, load_seq))


def _read_row(read: ListRead, load_seq: int) -> dict[str, Any]:
    return {
        "list_kind": read.list_kind,
        "list_id": read.list_id,
        "observed_on": read.observed_on,
        "complete": read.complete,
        "item_count": read.item_count,
        "begun_at": read.begun_at,
        "observed_at": read.observed_at,
        "raw_key": read.raw_key,
        "load_seq": load_seq,
    }


def _entry_row(entry: ListEntry, load_seq: int) -> dict[str, Any]:
    return {
        "user_hash": entry.list_id,
        "track_id": entry.track_id,
        "artist_id": entry.artist_id,
        "at": entry.at,
        "context_type": entry.context_type,
        "context_id": entry.context_id,
        "observed_on": entry.observed_at.astimezone(UTC).date(),
        "observed_at": entry.observed_at,
        "raw_key": entry.raw_key,
        "load_seq": load_seq,
    }
