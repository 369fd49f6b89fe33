"""Rows of ops.alert: one for each cause, partition and subject, and who was told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg

from spotify_pipeline.alerts.alert import Alert

_SEEN = """
INSERT INTO ops.alert AS stored (partition, cause, subject, severity, title, happened, meaning, action,
    dag_id, run_id, task_id, raised_at, last_seen_at, times_seen, delivered_to)
VALUES (%(partition)s, %(cause)s, %(subject)s, %(severity)s, %(title)s, %(happened)s, %(meaning)s, %(action)s,
    %(dag_id)s, %(run_id)s, %(task_id)s, clock_timestamp(), clock_timestamp(), 1, '{}')
ON CONFLICT (partition, cause, subject) DO UPDATE SET
    last_seen_at = greatest(stored.last_seen_at, clock_timestamp()), times_seen = stored.times_seen + 1
RETURNING delivered_to
"""


def tell_once(
    conn: psycopg.Connection, alert: Alert, tell: Callable[[Sequence[str]], Sequence[str]]
) -> Sequence[str]:
    """Note an alert and have it delivered by the channels that have not had it; give the names of those now.

    `tell` is called with the names of the channels that had it, and answers with the names that got it. The
    row stays locked meanwhile: another task with the same alert waits, then finds it told. A process that
    dies before the commit leaves nothing, and the next one tells it again: twice is better than never.
    """
    fields = {name: value for name, value in alert.to_dict().items() if name != "links"}
    row = conn.execute(_SEEN, fields).fetchone()
    told = tell(row[0] if row else ())
    if told:
        conn.execute(
            "UPDATE ops.alert SET delivered_to = delivered_to || %s::text[] "
            "WHERE (partition, cause, subject) = (%s, %s, %s)",
            [list(told), *alert.key],
        )
    return told
