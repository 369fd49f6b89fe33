"""Rows of ops.load: one for each committed load."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime

import psycopg


@dataclass(frozen=True)
class LoadRecord:
    """One committed load: its run, and how many rows of tracks, albums and artists it wrote."""

    load_seq: int
    partition: date
    source: str
    started_at: datetime
    inserted: int
    updated: int
    unchanged: int
    complete: bool
    run_id: str
    try_number: int


def record_load(conn: psycopg.Connection, load: LoadRecord) -> None:
    """Add a load; `finished_at` is the server's clock just before COMMIT."""
    conn.execute(
        """
        INSERT INTO ops.load (load_seq, partition, source, started_at, finished_at, inserted, updated,
            unchanged, complete, run_id, try_number)
        VALUES (%(load_seq)s, %(partition)s, %(source)s, %(started_at)s, clock_timestamp(), %(inserted)s,
            %(updated)s, %(unchanged)s, %(complete)s, %(run_id)s, %(try_number)s)
        """,
        asdict(load),
    )


def highest_load_seq(conn: psycopg.Connection) -> int:
    """Return the number of the newest committed load, 0 before the first."""
    row = conn.execute("SELECT coalesce(max(load_seq), 0) FROM ops.load").fetchone()
    return int(row[0]) if row else 0


def loaded_sources(conn: psycopg.Connection) -> set[tuple[date, str]]:
    """Return the partitions and sources that have a load."""
    return set(conn.execute("SELECT DISTINCT partition, source FROM ops.load").fetchall())


def newest_runs(conn: psycopg.Connection, partition: date, sources: Collection[str]) -> dict[str, str]:
    """Return the last run that loaded each source of a partition; sources without a load are left out."""
    rows = conn.execute(
        "SELECT DISTINCT ON (source) source, run_id FROM ops.load"
        " WHERE partition = %s AND source = ANY(%s) ORDER BY source, load_seq DESC",
        [partition, list(sources)],
    )
    return dict(rows.fetchall())
