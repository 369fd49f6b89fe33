"""Deletes rows by age, and logs the deletions.

The current state of a track, album, artist or playlist is kept, since a takedown is never a deletion; see
`KEPT` for other tables that are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import LiteralString

import psycopg
from psycopg.types.json import Jsonb

from spotify_pipeline.warehouse.landing import TABLES as LANDING_TABLES
from spotify_pipeline.warehouse.merge import LOAD_LOCK

_RECORD_REMOVAL: LiteralString = """
INSERT INTO ops.removal (load_seq, removed_at, history_before, plays_before)
VALUES (nextval('ops.load_seq_seq'), clock_timestamp(), %(history)s, %(plays)s)
"""
DELETE: Mapping[str, LiteralString] = {
    "staging.track_observations": "DELETE FROM staging.track_observations WHERE observed_on < %(history)s",
    "staging.album_observations": "DELETE FROM staging.album_observations WHERE observed_on < %(history)s",
    "staging.artist_observations": "DELETE FROM staging.artist_observations WHERE observed_on < %(history)s",
    "staging.playlist_observations": (
        "DELETE FROM staging.playlist_observations WHERE observed_on < %(history)s"
    ),
    "staging.playlist_membership": "DELETE FROM staging.playlist_membership WHERE observed_on < %(history)s",
    "staging.top_tracks": "DELETE FROM staging.top_tracks WHERE observed_on < %(history)s",
    "staging.top_artists": "DELETE FROM staging.top_artists WHERE observed_on < %(history)s",
    "staging.plays": "DELETE FROM staging.plays WHERE played_at < %(plays)s",
    "staging.saved_tracks": "DELETE FROM staging.saved_tracks WHERE last_seen_on < %(plays)s",
    "staging.followed_artists": "DELETE FROM staging.followed_artists WHERE last_seen_on < %(plays)s",
    "ops.play_gap": "DELETE FROM ops.play_gap WHERE to_played_at < %(plays)s",
    "ops.quarantined_record": "DELETE FROM ops.quarantined_record WHERE last_seen_at < %(quarantine)s",
    "ops.record_shape": "DELETE FROM ops.record_shape WHERE partition < %(log)s",
    "ops.dbt_result": "DELETE FROM ops.dbt_result WHERE recorded_at < %(log)s",
    "ops.crawl_begun": "DELETE FROM ops.crawl_begun WHERE stopped_on < %(log)s",
    "ops.api_calls": "DELETE FROM ops.api_calls WHERE first_call_at < %(log)s",
    "ops.api_cooldown": "DELETE FROM ops.api_cooldown WHERE deadline < %(log)s",
    # a closed entry is not needed; a track that still lacks its detail is queued by its next load
    "ops.detail_queue": (
        "DELETE FROM ops.detail_queue WHERE done_on IS NOT NULL AND greatest(done_on, asked_on) < %(log)s"
    ),
    # an album this long overdue is no longer listed by any source; if it is, it is fetched completely
    "ops.crawl_state": "DELETE FROM ops.crawl_state WHERE refresh_due_on < %(log)s",
    "ops.alert": "DELETE FROM ops.alert WHERE last_seen_at < %(log)s",
    # each source keeps its newest load: freshness and the watermark are read from it
    "ops.load": """
        DELETE FROM ops.load AS old WHERE finished_at < %(loads)s
            AND EXISTS (SELECT FROM ops.load AS newer
                WHERE newer.source = old.source AND newer.load_seq > old.load_seq)
    """,
    "ops.step_lease": "DELETE FROM ops.step_lease WHERE acquired_at < %(log)s",
}
KEPT: Mapping[str, str] = {
    "staging.artists": "the current state",
    "staging.albums": "the current state",
    "staging.tracks": "the current state",
    "staging.playlists": "the current state",
    "staging.source_records": "which source holds which record, also an inactive source: one row a record",
    "staging.list_reads": "one row a list and date: when a list was read, not what was on it",
    "ops.source": "all sources ever planned: a few rows",
    "ops.reconciliation": "counts: one row a source, record kind and date",
    "ops.removal": "one row a week: the dates before which rows are deleted",
    "ops.publication": "one row a partition",
    "ops.play_cursor": "one row a user",
    "ops.user": "consents, deleted by the erasure of their user",
    "ops.api_pace": "one row an endpoint bucket",
    "ops.erasure": "receipts",
    "ops.maintenance_run": "one row a week",
    **dict.fromkeys(("landing.batch", *LANDING_TABLES), "deleted after its replay, or by upkeep"),
}
"""Tables from which retention deletes nothing, and the reason."""


@dataclass(frozen=True)
class Cutoffs:
    """Dates (UTC) before which rows are deleted, by kind of rows."""

    history: date
    plays: date
    quarantine: date
    log: date
    # raw without a row of ops.load counts as never loaded and is kept twice as long
    loads: date


def delete_old_rows(conn: psycopg.Connection, cutoffs: Cutoffs) -> dict[str, int]:
    """Delete old rows in the transaction of `conn`, and return the number of deleted rows by table.

    The log of removals gets a row with a load_seq, so that dbt keeps what it derived from the older rows.
    """
    terms = asdict(cutoffs)
    conn.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])
    conn.execute(_RECORD_REMOVAL, terms)
    return {table: conn.execute(statement, terms).rowcount for table, statement in DELETE.items()}


def record_run(conn: psycopg.Connection, as_of: date, removed: Mapping[str, int]) -> None:
    """Add a row to ops.maintenance_run."""
    conn.execute(
        "INSERT INTO ops.maintenance_run (as_of, finished_at, removed) VALUES (%s, clock_timestamp(), %s)",
        [as_of, Jsonb(dict(removed))],
    )


def busy_partitions(conn: psycopg.Connection) -> set[date]:
    """Return the partitions in which a load or replay started within the last day."""
    rows = conn.execute(
        "SELECT DISTINCT partition FROM ops.step_lease"
        " WHERE acquired_at > clock_timestamp() - interval '1 day'"
    )
    return {row[0] for row in rows}


def vacuum(conn: psycopg.Connection) -> None:
    """Vacuum and analyze every table of the connection's role; `conn` is in autocommit."""
    tables = conn.execute(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname IN ('staging', 'ops', 'landing') AND tableowner = current_user ORDER BY 1"
    ).fetchall()
    for (table,) in tables:
        conn.execute(f"VACUUM (ANALYZE) {table}".encode())
