"""Rows of ops.alert: one for each cause, partition and subject, with the channels that delivered it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

_RAISE = """
INSERT INTO ops.alert AS stored (partition, cause, subject, severity, title, happened, meaning, action,
    dag_id, run_id, task_id, raised_at, last_seen_at, times_seen, delivered_to)
VALUES (%(partition)s, %(cause)s, %(subject)s, %(severity)s, %(title)s, %(happened)s, %(meaning)s, %(action)s,
    %(dag_id)s, %(run_id)s, %(task_id)s, clock_timestamp(), clock_timestamp(), 1, '{}')
ON CONFLICT (partition, cause, subject) DO UPDATE SET
    last_seen_at = greatest(stored.last_seen_at, clock_timestamp()), times_seen = stored.times_seen + 1
RETURNING delivered_to
"""
_DELIVERED = """
UPDATE ops.alert SET delivered_to = delivered_to || %(channels)s::text[]
WHERE (partition, cause, subject) = (%(partition)s, %(cause)s, %(subject)s)
"""
_NEWEST = """
SELECT partition, cause, subject, severity, title, happened, meaning, action, dag_id, run_id, task_id,
    raised_at, last_seen_at, times_seen, delivered_to
FROM ops.alert
WHERE %(partition)s::text IS NULL OR partition = %(partition)s
ORDER BY raised_at DESC, cause, subject LIMIT %(limit)s
"""


def deliver_once(
    conn: psycopg.Connection,
    alert: Mapping[str, Any],
    deliver: Callable[[Sequence[str]], Sequence[str]],
) -> None:
    """Record an alert, and deliver it through the channels that have not delivered it yet.

    The row stays locked meanwhile, so that another task with the same alert waits and then finds it
    delivered. A process that dies before the commit leaves no row, and the next one delivers the alert again.

    Args:
        conn: connection in a transaction.
        alert: values by column; `partition`, `cause` and `subject` are the key.
        deliver: takes the names of the channels that delivered the alert before, returns those that did now.
    """
    row = conn.execute(_RAISE, alert).fetchone()
    delivered = deliver(row[0] if row else ())
    if delivered:
        conn.execute(_DELIVERED, {**alert, "channels": list(delivered)})


def newest_alerts(conn: psycopg.Connection, partition: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the newest rows by column, of one partition or of all."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_NEWEST, {"partition": partition, "limit": limit}).fetchall()
