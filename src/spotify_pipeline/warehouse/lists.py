"""Loading of lists: memberships of playlists, saved tracks, top lists, followed artists and plays.

It runs in the transaction of a load, under its lock. In each upsert the greatest (observed_at, raw key) wins,
and equal rows are not written. A playlist's membership on a date is replaced as a whole, and a list read to
its end wins over one that was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.entries import ListEntry, ListRead
from spotify_pipeline.warehouse.merge import loaded_counts

_UPSERT_READ: LiteralString = """
INSERT INTO staging.list_reads AS stored
    (list_kind, list_id, observed_on, complete, item_count, observed_at, raw_key, load_seq)
VALUES (%(list_kind)s, %(list_id)s, %(observed_on)s, %(complete)s, %(item_count)s, %(observed_at)s,
    %(raw_key)s, %(load_seq)s)
ON CONFLICT (list_kind, list_id, observed_on) DO UPDATE SET
    complete = excluded.complete, item_count = excluded.item_count, observed_at = excluded.observed_at,
    raw_key = excluded.raw_key, load_seq = excluded.load_seq
WHERE (excluded.complete, excluded.observed_at, excluded.raw_key)
        > (stored.complete, stored.observed_at, stored.raw_key)
    OR ((excluded.complete, excluded.observed_at, excluded.raw_key)
            = (stored.complete, stored.observed_at, stored.raw_key)
        AND excluded.item_count <> stored.item_count)
"""
# for a read that wins, or whose membership was corrected
_REPLACE_READ: LiteralString = """
INSERT INTO staging.list_reads AS stored
    (list_kind, list_id, observed_on, complete, item_count, observed_at, raw_key, load_seq)
VALUES (%(list_kind)s, %(list_id)s, %(observed_on)s, %(complete)s, %(item_count)s, %(observed_at)s,
    %(raw_key)s, %(load_seq)s)
ON CONFLICT (list_kind, list_id, observed_on) DO UPDATE SET
    complete = excluded.complete, item_count = excluded.item_count, observed_at = excluded.observed_at,
    raw_key = excluded.raw_key, load_seq = excluded.load_seq
"""
_STORED_READ: LiteralString = """
SELECT complete, observed_at, raw_key, item_count FROM staging.list_reads
WHERE list_kind = 'playlist' AND list_id = %(list_id)s AND observed_on = %(observed_on)s
"""
_STORED_MEMBERSHIP: LiteralString = """
SELECT position, track_id, item_kind, added_at, complete FROM staging.playlist_membership
WHERE playlist_id = %(list_id)s AND observed_on = %(observed_on)s ORDER BY position
"""
_DELETE_MEMBERSHIP: LiteralString = """
DELETE FROM staging.playlist_membership WHERE playlist_id = %(list_id)s AND observed_on = %(observed_on)s
"""
_COPY_MEMBERSHIP: LiteralString = """
COPY staging.playlist_membership
    (playlist_id, observed_on, position, track_id, item_kind, added_at, complete, load_seq) FROM STDIN
"""

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
_TOP = """
INSERT INTO staging.top_{kind}s AS stored
    (user_hash, time_range, observed_on, rank, {kind}_id, observed_at, raw_key, load_seq)
VALUES (%(user_hash)s, %(time_range)s, %(observed_on)s, %(rank)s, %({kind}_id)s, %(observed_at)s, %(raw_key)s,
    %(load_seq)s)
ON CONFLICT (user_hash, time_range, observed_on, rank) DO UPDATE SET
    {kind}_id = excluded.{kind}_id, observed_at = excluded.observed_at, raw_key = excluded.raw_key,
    load_seq = excluded.load_seq
WHERE (excluded.observed_at, excluded.raw_key) > (stored.observed_at, stored.raw_key)
    OR ((excluded.observed_at, excluded.raw_key) = (stored.observed_at, stored.raw_key)
        AND excluded.{kind}_id <> stored.{kind}_id)
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
_UPSERT_ENTRY: Mapping[str, str] = {
    "saved_track": _SAVED,
    "top_track": _TOP.format(kind="track"),
    "top_artist": _TOP.format(kind="artist"),
    "followed_artist": _FOLLOWED,
    "play": _PLAY,
}


class Lists:
    """Lists of one source and partition; `counts` by kind of entry are known before anything is loaded."""

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
        """When each play began."""
        return [entry.at for entry in self._of_kind("play") if entry.at is not None]

    def load(self, conn: psycopg.Connection, load_seq: int) -> None:
        """Write the reads and entries that win; what is stored already is not written again."""
        for read in self._reads:
            if read.list_kind == "playlist":
                self._load_playlist(conn, read, load_seq)
            else:
                conn.execute(_UPSERT_READ, _read_row(read, load_seq))
        with conn.cursor() as cursor:
            for kind, statement in _UPSERT_ENTRY.items():
                rows = [_entry_row(entry, load_seq) for entry in self._of_kind(kind)]
                if rows:
                    cursor.executemany(statement.encode(), rows)

    def _of_kind(self, kind: str) -> list[ListEntry]:
        known = self._entries.get(kind, {})
        return [known[key] for key in sorted(known)]

    def _load_playlist(self, conn: psycopg.Connection, read: ListRead, load_seq: int) -> None:
        key = {"list_id": read.list_id, "observed_on": read.observed_on}
        stored = conn.execute(_STORED_READ, key).fetchone()
        if stored is not None and (read.complete, read.observed_at, read.raw_key) < stored[:3]:
            return
        came = [
            (entry.position, entry.track_id, entry.item_kind, entry.at, read.complete)
            for entry in self._of_kind("playlist_item")
            if entry.list_id == read.list_id
        ]
        there = conn.execute(_STORED_MEMBERSHIP, key).fetchall()
        if there == came and stored == (read.complete, read.observed_at, read.raw_key, read.item_count):
            return
        conn.execute(_REPLACE_READ, _read_row(read, load_seq))
        if there == came:
            return
        conn.execute(_DELETE_MEMBERSHIP, key)
        with conn.cursor().copy(_COPY_MEMBERSHIP) as copy:
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
        "artist_id": entry.artist_id,
        "at": entry.at,
        "context_type": entry.context_type,
        "context_id": entry.context_id,
        "observed_on": entry.observed_at.astimezone(UTC).date(),
        "observed_at": entry.observed_at,
        "raw_key": entry.raw_key,
        "load_seq": load_seq,
    }
