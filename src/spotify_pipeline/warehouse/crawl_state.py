"""Rows of ops.crawl_state and ops.crawl_begun: how far each album of a source has been read.

ops.crawl_state lists the albums that were read completely, with the hash of their listing and the date of
their next refresh. ops.crawl_begun has the offset at which reading stopped in the other albums.

An album is fetched again when its listing changes or its refresh is due. Each source has states of its own,
since a record in two sources counts in each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import psycopg

from spotify_pipeline.contract.albums import BegunAlbum, CompleteAlbum

_UPSERT = """
INSERT INTO ops.crawl_state AS stored
    (source, record_kind, record_id, listing_sha256, complete_on, refreshed_at, refresh_due_on)
VALUES (%s, 'album', %s, %s, %s, %s, %s)
ON CONFLICT (source, record_kind, record_id) DO UPDATE SET
    listing_sha256 = excluded.listing_sha256, complete_on = excluded.complete_on,
    refreshed_at = excluded.refreshed_at, refresh_due_on = excluded.refresh_due_on
WHERE excluded.refreshed_at > stored.refreshed_at
    OR (excluded.refreshed_at = stored.refreshed_at
        AND (excluded.listing_sha256, excluded.refresh_due_on)
            IS DISTINCT FROM (stored.listing_sha256, stored.refresh_due_on))
"""

_UPSERT_BEGUN = """
INSERT INTO ops.crawl_begun AS stored
    (source, record_kind, record_id, stopped_on, listing_sha256, begun_at, next_offset)
VALUES (%s, 'album', %s, %s, %s, %s, %s)
ON CONFLICT (source, record_kind, record_id, stopped_on) DO UPDATE SET
    listing_sha256 = excluded.listing_sha256, begun_at = excluded.begun_at, next_offset = excluded.next_offset
WHERE (excluded.listing_sha256, excluded.begun_at, excluded.next_offset)
    IS DISTINCT FROM (stored.listing_sha256, stored.begun_at, stored.next_offset)
"""
_BEGUN = """
SELECT DISTINCT ON (record_id) record_id, listing_sha256, begun_at, next_offset
FROM ops.crawl_begun AS begun
WHERE source = %(source)s AND record_kind = 'album'
    AND stopped_on < %(partition)s AND begun_at >= %(oldest)s
    AND NOT EXISTS (
        SELECT FROM ops.crawl_state AS whole
        WHERE whole.source = begun.source AND whole.record_kind = begun.record_kind
            AND whole.record_id = begun.record_id AND whole.refreshed_at >= begun.begun_at
            AND whole.complete_on < %(partition)s)
ORDER BY record_id, begun_at DESC, stopped_on DESC
"""


def refresh_due_on(album_id: str, complete_on: date, days: int) -> date:
    """Return when an unchanged album is fetched again: after `days`, or up to half of that earlier.

    The hash of the id spreads the dates, so that albums fetched on one day are not all due on one day.
    """
    spread = days // 2 + 1
    earlier = int.from_bytes(hashlib.sha256(album_id.encode()).digest()[:4]) % spread
    return complete_on + timedelta(days=days - earlier)


def record_complete_albums(
    conn: psycopg.Connection, source: str, albums: Iterable[CompleteAlbum], *, refresh_days: int
) -> None:
    """Store the newest state of each album; older and equal states write nothing."""
    with conn.cursor() as cursor:
        cursor.executemany(
            _UPSERT,
            [
                (
                    source,
                    album.album_id,
                    album.listing_sha256,
                    complete_on,
                    album.observed_at,
                    refresh_due_on(album.album_id, complete_on, refresh_days),
                )
                for album in albums
                for complete_on in [album.observed_at.astimezone(UTC).date()]
            ],
        )


def unchanged_albums(conn: psycopg.Connection, source: str, partition: date) -> dict[str, str]:
    """Return the listing hash of each album that is fetched in `partition` only if its listing has changed.

    Only earlier partitions count, so that a second run of a partition gets the same result as its first.
    """
    rows = conn.execute(
        "SELECT record_id, listing_sha256 FROM ops.crawl_state"
        " WHERE source = %(source)s AND record_kind = 'album'"
        " AND complete_on < %(partition)s AND refresh_due_on > %(partition)s",
        {"source": source, "partition": partition},
    )
    return {row[0]: row[1] for row in rows}


def record_begun_albums(
    conn: psycopg.Connection, source: str, partition: date, albums: Iterable[BegunAlbum]
) -> None:
    """Store the offsets at which a partition stopped in albums; equal rows write nothing."""
    with conn.cursor() as cursor:
        cursor.executemany(
            _UPSERT_BEGUN,
            [
                (source, album.album_id, partition, album.listing_sha256, album.begun_at, album.next_offset)
                for album in albums
            ],
        )


def begun_albums(
    conn: psycopg.Connection, source: str, partition: date, *, refresh_days: int
) -> dict[str, BegunAlbum]:
    """Return the albums that earlier partitions began in the refresh period and none has finished."""
    oldest = datetime.combine(partition - timedelta(days=refresh_days), datetime.min.time(), UTC)
    rows = conn.execute(_BEGUN, {"source": source, "partition": partition, "oldest": oldest})
    return {row[0]: BegunAlbum(*row) for row in rows}
