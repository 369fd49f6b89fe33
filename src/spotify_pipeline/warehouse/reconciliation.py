"""Rows of ops.reconciliation: counts and status of each source of a partition."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Literal

import psycopg
from psycopg.rows import dict_row

from spotify_pipeline.warehouse.connection import has_table

_PARTITIONS = r"""
SELECT partition,
    count(DISTINCT source) FILTER (WHERE status = 'complete' AND listed),
    coalesce(sum(fetched) FILTER (WHERE listed), 0)::bigint,
    coalesce(sum(loaded) FILTER (WHERE listed), 0)::bigint,
    coalesce(sum(quarantined) FILTER (WHERE listed), 0)::bigint,
    coalesce(sum(duplicates) FILTER (WHERE listed), 0)::bigint,
    coalesce(sum(set_aside) FILTER (WHERE listed), 0)::bigint,
    bool_and(fetched = loaded + quarantined + duplicates + set_aside),
    published_at, tests_passed
FROM ops.reconciliation LEFT JOIN ops.publication USING (partition),
    -- the pipeline's own source _details is not in sources.yml
    LATERAL (SELECT source NOT LIKE '\_%' AS listed)
GROUP BY partition, published_at, tests_passed
ORDER BY partition DESC LIMIT 10
"""
_TOTALS = """
SELECT coalesce(sum(fetched), 0)::bigint AS fetched, coalesce(sum(loaded), 0)::bigint AS loaded,
    coalesce(sum(quarantined), 0)::bigint AS quarantined, coalesce(sum(duplicates), 0)::bigint AS duplicates,
    coalesce(sum(set_aside), 0)::bigint AS set_aside
FROM ops.reconciliation WHERE partition = %(partition)s AND source = ANY(%(sources)s)
"""
_UNFINISHED = """
SELECT DISTINCT partition, source, status, message FROM ops.reconciliation
WHERE status <> 'complete' AND partition = ANY(%(partitions)s) ORDER BY partition DESC, source
"""


@dataclass(frozen=True)
class Reconciliation:
    """Counts of one source, partition and record kind, and the status of the source."""

    partition: date
    source: str
    record_kind: str
    fetched: int
    loaded: int
    quarantined: int
    duplicates: int
    set_aside: int
    complete: bool
    status: Literal["complete", "partial", "failed"]
    message: str | None = None


@dataclass(frozen=True)
class Progress:
    """Counts of one partition over the sources in sources.yml.

    `unfinished` has status and reason of each source that is `partial` or `failed`.
    """

    partition: date
    complete: int
    fetched: int
    loaded: int
    quarantined: int
    duplicates: int
    set_aside: int
    adds_up: bool
    published_at: datetime | None
    tests_passed: int | None
    unfinished: dict[str, tuple[str, str]] = field(default_factory=dict)

    def number(self, status: str) -> int:
        """Return the number of sources with a status, `partial` or `failed`."""
        return sum(1 for found, _ in self.unfinished.values() if found == status)


def record_reconciliation(conn: psycopg.Connection, checked: Iterable[Reconciliation]) -> None:
    """Store the newest result of each partition, source and record kind; equal ones write nothing."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ops.reconciliation AS stored (partition, source, record_kind, fetched, loaded,
                quarantined, duplicates, set_aside, complete, status, message, checked_at)
            VALUES (%(partition)s, %(source)s, %(record_kind)s, %(fetched)s, %(loaded)s, %(quarantined)s,
                %(duplicates)s, %(set_aside)s, %(complete)s, %(status)s, %(message)s, clock_timestamp())
            ON CONFLICT (partition, source, record_kind) DO UPDATE SET
                fetched = excluded.fetched, loaded = excluded.loaded, quarantined = excluded.quarantined,
                duplicates = excluded.duplicates, set_aside = excluded.set_aside,
                complete = excluded.complete, status = excluded.status, message = excluded.message,
                checked_at = excluded.checked_at
            WHERE (stored.fetched, stored.loaded, stored.quarantined, stored.duplicates, stored.set_aside,
                    stored.complete, stored.status, stored.message)
                IS DISTINCT FROM (excluded.fetched, excluded.loaded, excluded.quarantined,
                    excluded.duplicates, excluded.set_aside, excluded.complete, excluded.status,
                    excluded.message)
            """,
            [asdict(item) for item in checked],
        )


def newest_partitions(conn: psycopg.Connection) -> list[Progress]:
    """Return the ten newest partitions, newest first; none if the warehouse was never migrated.

    The role needs SELECT on ops.reconciliation and ops.publication: `spotify_reader` has it.
    """
    if not has_table(conn, "ops.reconciliation"):
        return []
    found = [Progress(*row) for row in conn.execute(_PARTITIONS)]
    by_date = {progress.partition: progress for progress in found}
    for partition, source, status, message in conn.execute(_UNFINISHED, {"partitions": list(by_date)}):
        by_date[partition].unfinished[source] = (status, message or "no reason was given")
    return found


def totals(conn: psycopg.Connection, partition: date, sources: Collection[str]) -> dict[str, int]:
    """Return the sums of the counts of some sources of a partition, by name."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_TOTALS, {"partition": partition, "sources": list(sources)}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate returns one row
    return row
