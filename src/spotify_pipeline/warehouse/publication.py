"""Rows of ops.publication: partitions whose marts passed every test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg


@dataclass(frozen=True)
class Publication:
    """A partition whose marts passed every test; `load_seq` is the highest load that they cover."""

    partition: date
    run_id: str
    load_seq: int
    tests_passed: int


def record_publication(conn: psycopg.Connection, publication: Publication) -> None:
    """Say that a partition is tested; one that covers an older load does not replace a newer."""
    conn.execute(
        """
        INSERT INTO ops.publication AS stored (partition, published_at, run_id, load_seq, tests_passed)
        VALUES (%s, clock_timestamp(), %s, %s, %s)
        ON CONFLICT (partition) DO UPDATE SET
            published_at = excluded.published_at, run_id = excluded.run_id,
            load_seq = excluded.load_seq, tests_passed = excluded.tests_passed
        WHERE excluded.load_seq >= stored.load_seq
            AND (excluded.run_id, excluded.load_seq, excluded.tests_passed)
                IS DISTINCT FROM (stored.run_id, stored.load_seq, stored.tests_passed)
        """,
        [publication.partition, publication.run_id, publication.load_seq, publication.tests_passed],
    )
