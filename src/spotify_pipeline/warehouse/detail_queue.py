"""Rows of ops.detail_queue: tracks without the detail group, which only a full record has.

Tracks come with their album as simplified records. The ISRC costs a call per track in Development Mode; an
Extended app requests fifty tracks at once, and refreshes the popularity of known tracks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import psycopg

# only tracks that an active source lists are requested
_WANTED = """EXISTS (
    SELECT FROM staging.source_records AS held JOIN ops.source AS source ON source.name = held.source
    WHERE source.active AND held.record_kind = 'track' AND held.record_id = {track_id})"""
_QUEUED = f"""
SELECT record_id FROM ops.detail_queue AS queued
WHERE done_on IS NULL AND record_kind = 'track' AND {_WANTED.format(track_id="queued.record_id")}
ORDER BY enqueued_on, record_id LIMIT %(limit)s
"""  # noqa: S608 - the parts are constants
# a track that Spotify did not return waits as long as one that it returned
_STALE = f"""
SELECT track_id
FROM staging.tracks AS track
LEFT JOIN ops.detail_queue AS queued ON queued.record_kind = 'track' AND queued.record_id = track.track_id
WHERE (popularity_observed_at IS NULL OR popularity_observed_at < %(midnight)s)
    AND (asked_on IS NULL OR asked_on < %(partition)s)
    AND {_WANTED.format(track_id="track.track_id")}
ORDER BY detail_observed_at IS NOT NULL OR asked_on IS NOT NULL,
    greatest(popularity_observed_at, asked_on AT TIME ZONE 'UTC') NULLS FIRST, first_seen_on, track_id
LIMIT %(limit)s
"""  # noqa: S608 - the parts are constants


def enqueue(conn: psycopg.Connection, load_seqs: Sequence[int]) -> None:
    """Queue the tracks that loads wrote without detail, and close the entries of tracks that have it now.

    `enqueued_on` is the day on which a track was first seen, in any order of loads.
    """
    conn.execute(
        """
        INSERT INTO ops.detail_queue AS stored (record_kind, record_id, reason, enqueued_on)
        SELECT 'track', track_id, 'isrc', first_seen_on FROM staging.tracks
        WHERE load_seq = ANY(%s) AND detail_observed_at IS NULL ORDER BY track_id
        ON CONFLICT (record_kind, record_id) DO UPDATE SET enqueued_on = excluded.enqueued_on
        WHERE excluded.enqueued_on < stored.enqueued_on
        """,
        [list(load_seqs)],
    )
    conn.execute(
        """
        UPDATE ops.detail_queue AS queued SET done_on = (track.detail_observed_at AT TIME ZONE 'UTC')::date
        FROM staging.tracks AS track
        WHERE track.load_seq = ANY(%s) AND track.detail_observed_at IS NOT NULL
            AND queued.record_kind = 'track' AND queued.record_id = track.track_id AND queued.done_on IS NULL
        """,
        [list(load_seqs)],
    )


def close(conn: psycopg.Connection, track_ids: Collection[str], done_on: date) -> None:
    """Close the entries of requested ids, also of those that Spotify does not know or replaces."""
    conn.execute(
        "UPDATE ops.detail_queue SET done_on = %s"
        " WHERE record_kind = 'track' AND record_id = ANY(%s) AND done_on IS NULL",
        [done_on, list(track_ids)],
    )


def mark_not_returned(conn: psycopg.Connection, track_ids: Collection[str], asked_on: date) -> None:
    """Mark ids that Spotify did not return, so that the next partitions request others first."""
    conn.execute(
        """
        INSERT INTO ops.detail_queue AS stored
            (record_kind, record_id, reason, enqueued_on, done_on, asked_on)
        SELECT 'track', track_id, 'unanswered', %(on)s, %(on)s, %(on)s
        FROM unnest(%(ids)s::text[]) AS track_id ORDER BY track_id
        ON CONFLICT (record_kind, record_id) DO UPDATE SET asked_on = excluded.asked_on
        WHERE stored.asked_on IS NULL OR stored.asked_on < excluded.asked_on
        """,
        {"on": asked_on, "ids": list(track_ids)},
    )


def queued_tracks(conn: psycopg.Connection, limit: int) -> list[str]:
    """Return tracks without detail, those first that were seen first."""
    return [row[0] for row in conn.execute(_QUEUED, {"limit": limit})]


def stale_tracks(conn: psycopg.Connection, partition: date, limit: int) -> list[str]:
    """Return tracks whose popularity is unknown or of an earlier date, those without detail first."""
    midnight = f"{partition.isoformat()}T00:00:00+00:00"
    terms = {"midnight": midnight, "partition": partition, "limit": limit}
    return [row[0] for row in conn.execute(_STALE, terms)]
