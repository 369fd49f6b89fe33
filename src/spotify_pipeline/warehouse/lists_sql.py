"""The SQL of lists: in each upsert the greatest (observed_at, raw key) wins; equal rows are not written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

UPSERT_READ: LiteralString = """
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
# the caller has found that it wins, or that its membership was corrected
REPLACE_READ: LiteralString = """
INSERT INTO staging.list_reads AS stored
    (list_kind, list_id, observed_on, complete, item_count, observed_at, raw_key, load_seq)
VALUES (%(list_kind)s, %(list_id)s, %(observed_on)s, %(complete)s, %(item_count)s, %(observed_at)s,
    %(raw_key)s, %(load_seq)s)
ON CONFLICT (list_kind, list_id, observed_on) DO UPDATE SET
    complete = excluded.complete, item_count = excluded.item_count, observed_at = excluded.observed_at,
    raw_key = excluded.raw_key, load_seq = excluded.load_seq
"""
STORED_READ: LiteralString = """
SELECT complete, observed_at, raw_key, item_count FROM staging.list_reads
WHERE list_kind = 'playlist' AND list_id = %(list_id)s AND observed_on = %(observed_on)s
"""
STORED_MEMBERSHIP: LiteralString = """
SELECT position, track_id, item_kind, added_at, complete FROM staging.playlist_membership
WHERE playlist_id = %(list_id)s AND observed_on = %(observed_on)s ORDER BY position
"""
DELETE_MEMBERSHIP: LiteralString = """
DELETE FROM staging.playlist_membership WHERE playlist_id = %(list_id)s AND observed_on = %(observed_on)s
"""
COPY_MEMBERSHIP: LiteralString = """
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
_TOP: LiteralString = """
INSERT INTO staging.top_tracks AS stored
    (user_hash, time_range, observed_on, rank, track_id, observed_at, raw_key, load_seq)
VALUES (%(user_hash)s, %(time_range)s, %(observed_on)s, %(rank)s, %(track_id)s, %(observed_at)s, %(raw_key)s,
    %(load_seq)s)
ON CONFLICT (user_hash, time_range, observed_on, rank) DO UPDATE SET
    track_id = excluded.track_id, observed_at = excluded.observed_at, raw_key = excluded.raw_key,
    load_seq = excluded.load_seq
WHERE (excluded.observed_at, excluded.raw_key) > (stored.observed_at, stored.raw_key)
    OR ((excluded.observed_at, excluded.raw_key) = (stored.observed_at, stored.raw_key)
        AND excluded.track_id <> stored.track_id)
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
UPSERT_ENTRY: Mapping[str, LiteralString] = {"saved_track": _SAVED, "top_track": _TOP, "play": _PLAY}
