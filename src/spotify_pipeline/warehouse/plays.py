"""Rows of ops.play_cursor and ops.play_gap: the newest known play of each user, and possible gaps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import psycopg

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(unix_ms: int) -> datetime:
    """Convert a cursor to a datetime, exact to the millisecond."""
    return _EPOCH + timedelta(milliseconds=unix_ms)


def cursor_ms(conn: psycopg.Connection, user_hash: str) -> int | None:
    """Return the time of the newest play in unix milliseconds, None before the first."""
    row = conn.execute("SELECT after_ms FROM ops.play_cursor WHERE user_hash = %s", [user_hash]).fetchone()
    return int(row[0]) if row else None


def advance_cursor(conn: psycopg.Connection, user_hash: str, newest_ms: int, run_at: datetime) -> None:
    """Move the cursor forward; a later load of an older history does not move it back."""
    conn.execute(
        """
        INSERT INTO ops.play_cursor AS stored (user_hash, after_ms, last_run_at) VALUES (%s, %s, %s)
        ON CONFLICT (user_hash) DO UPDATE SET
            after_ms = greatest(stored.after_ms, excluded.after_ms),
            last_run_at = greatest(stored.last_run_at, excluded.last_run_at)
        WHERE excluded.after_ms > stored.after_ms OR excluded.last_run_at > stored.last_run_at
        """,
        [user_hash, newest_ms, run_at],
    )


def record_gap(
    conn: psycopg.Connection, user_hash: str, start: datetime, end: datetime, noticed_at: datetime
) -> bool:
    """Store that plays between two times may be lost, and return whether this gap is new."""
    written = conn.execute(
        """
        INSERT INTO ops.play_gap (user_hash, from_played_at, to_played_at, noticed_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (user_hash, from_played_at) DO NOTHING
        """,
        [user_hash, start, end, noticed_at],
    )
    return written.rowcount == 1


def days_with_gaps(conn: psycopg.Connection, today: date) -> list[tuple[date, str]]:
    """Return the dates (UTC) since yesterday on which a gap was noticed, with the listener's connection."""
    rows = conn.execute(
        "SELECT DISTINCT (noticed_at AT TIME ZONE 'UTC')::date, connection"
        ' FROM ops.play_gap JOIN ops."user" USING (user_hash) WHERE noticed_at >= %s ORDER BY 1, 2',
        [datetime.combine(today - timedelta(days=1), datetime.min.time(), UTC)],
    )
    return rows.fetchall()
