"""The SQL of retention: which rows are past their age. Parameters are dates (UTC): what is older goes.

What is known now of a track, album, artist or playlist stays, since a takedown is never a deletion; so does
what `KEPT` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from spotify_pipeline.warehouse.landing import TABLES as LANDING_TABLES

BUSY_PARTITIONS: LiteralString = """
SELECT DISTINCT partition FROM ops.step_lease WHERE acquired_at > clock_timestamp() - interval '1 day'
"""
# who logs in anew is in ops.user again
ERASED_USERS: LiteralString = """
SELECT DISTINCT user_hash FROM ops.erasure
WHERE user_hash NOT IN (SELECT user_hash FROM ops."user") ORDER BY 1
"""
LOADED: LiteralString = "SELECT DISTINCT partition, source FROM ops.load"
RECORD_RUN: LiteralString = """
INSERT INTO ops.maintenance_run (as_of, finished_at, removed) VALUES (%s, clock_timestamp(), %s)
"""
OWN_TABLES: LiteralString = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname IN ('staging', 'ops', 'landing') AND tableowner = current_user ORDER BY 1
"""
# membership before its reading: they go together, and a row of the one needs the other
DELETE: Mapping[str, LiteralString] = {
    "staging.track_observations": "DELETE FROM staging.track_observations WHERE observed_on < %(history)s",
    "staging.album_observations": "DELETE FROM staging.album_observations WHERE observed_on < %(history)s",
    "staging.artist_observations": "DELETE FROM staging.artist_observations WHERE observed_on < %(history)s",
    "staging.playlist_observations": (
        "DELETE FROM staging.playlist_observations WHERE observed_on < %(history)s"
    ),
    "staging.playlist_membership": "DELETE FROM staging.playlist_membership WHERE observed_on < %(history)s",
    "staging.list_reads": "DELETE FROM staging.list_reads WHERE observed_on < %(history)s",
    "staging.top_tracks": "DELETE FROM staging.top_tracks WHERE observed_on < %(history)s",
    "staging.plays": "DELETE FROM staging.plays WHERE played_at < %(plays)s",
    "staging.saved_tracks": "DELETE FROM staging.saved_tracks WHERE last_seen_on < %(plays)s",
    "ops.play_gap": "DELETE FROM ops.play_gap WHERE to_played_at < %(plays)s",
    "ops.quarantined_record": "DELETE FROM ops.quarantined_record WHERE last_seen_at < %(quarantine)s",
    "ops.record_shape": "DELETE FROM ops.record_shape WHERE partition < %(log)s",
    "ops.reconciliation": "DELETE FROM ops.reconciliation WHERE partition < %(log)s",
    "ops.dbt_result": "DELETE FROM ops.dbt_result WHERE recorded_at < %(log)s",
    "ops.crawl_begun": "DELETE FROM ops.crawl_begun WHERE stopped_on < %(log)s",
    "ops.api_calls": "DELETE FROM ops.api_calls WHERE first_call_at < %(log)s",
    "ops.api_cooldown": "DELETE FROM ops.api_cooldown WHERE deadline < %(log)s",
    "ops.alert": "DELETE FROM ops.alert WHERE last_seen_at < %(log)s",
    # each source keeps its newest load, which freshness and the watermark go by
    "ops.load": """
        DELETE FROM ops.load AS old WHERE finished_at < %(log)s
            AND EXISTS (SELECT FROM ops.load AS newer
                WHERE newer.source = old.source AND newer.load_seq > old.load_seq)
    """,
    "ops.step_lease": "DELETE FROM ops.step_lease WHERE acquired_at < %(log)s",
}
KEPT: Mapping[str, str] = {
    "staging.artists": "what is known now",
    "staging.albums": "what is known now",
    "staging.tracks": "what is known now",
    "staging.playlists": "what is known now",
    "staging.source_records": "which source holds which record, also one that is inactive",
    "ops.source": "the sources there were: a few rows",
    "ops.publication": "one row a partition",
    "ops.crawl_state": "which albums need not be fetched: one row an album",
    "ops.detail_queue": "one row a record",
    "ops.play_cursor": "one row a user",
    "ops.user": "consents, removed with their user",
    "ops.api_pace": "one row an endpoint bucket",
    "ops.erasure": "receipts",
    "ops.maintenance_run": "one row a week",
    **dict.fromkeys(("landing.batch", *LANDING_TABLES), "a batch ends with its driver, at the latest here"),
}
"""Tables that retention leaves alone, and why: they hold no content that ages, or grow with the catalogue."""
