"""How the newest partitions came out: counts, whether they add up, which sources are not complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import psycopg

_PARTITIONS = """
SELECT partition,
    count(DISTINCT source) FILTER (WHERE status = 'complete'),
    sum(fetched)::bigint, sum(loaded)::bigint, sum(quarantined)::bigint, sum(duplicates)::bigint,
    sum(set_aside)::bigint,
    bool_and(fetched = loaded + quarantined + duplicates + set_aside),
    published_at, tests_passed
FROM ops.reconciliation LEFT JOIN ops.publication USING (partition)
GROUP BY partition, published_at, tests_passed
ORDER BY partition DESC LIMIT %(limit)s
"""
_UNFINISHED = """
SELECT DISTINCT partition, source, status, message FROM ops.reconciliation
WHERE status <> 'complete' AND partition = ANY(%(partitions)s) ORDER BY partition DESC, source
"""


@dataclass(frozen=True)
class Progress:
    """One partition. `unfinished` has status (`partial` or `failed`) and reason of each such source."""

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
        """Sources that are `partial`, or `failed`."""
        return sum(1 for found, _ in self.unfinished.values() if found == status)


def newest_partitions(conn: psycopg.Connection, limit: int = 10) -> list[Progress]:
    """The newest partitions, newest first; none where the warehouse was never migrated.

    The role needs SELECT on ops.reconciliation and ops.publication: `spotify_reader` has it.
    """
    there = conn.execute("SELECT to_regclass('ops.reconciliation') IS NOT NULL").fetchone()
    if not there or not there[0]:
        return []
    found = [Progress(*row) for row in conn.execute(_PARTITIONS, {"limit": limit})]
    by_date = {progress.partition: progress for progress in found}
    for partition, source, status, message in conn.execute(_UNFINISHED, {"partitions": list(by_date)}):
        by_date[partition].unfinished[source] = (status, message or "no reason was given")
    return found
