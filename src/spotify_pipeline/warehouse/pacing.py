"""Pacer and call budget that all tasks share through the warehouse."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

import psycopg

from spotify_pipeline.buckets import TOTAL, WINDOW_SECONDS
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import CallBudgetSpent
from spotify_pipeline.warehouse.connection import open_connection, warehouse_errors

# now() is the start of the transaction, before the wait for the lock of the row
_TAKE = """
INSERT INTO ops.api_pace AS stored (account, next_at, paused_until)
VALUES (%(account)s, clock_timestamp() + %(apart)s * interval '1 second', '-infinity')
ON CONFLICT (account) DO UPDATE
    SET next_at = greatest(stored.next_at, clock_timestamp()) + %(apart)s * interval '1 second'
RETURNING extract(epoch FROM next_at - %(ahead)s * interval '1 second' - clock_timestamp())::float8,
    CASE WHEN paused_until > clock_timestamp()
        THEN extract(epoch FROM paused_until - clock_timestamp())::float8 ELSE 0 END
"""
_PAUSED = """
SELECT extract(epoch FROM paused_until - clock_timestamp())::float8 FROM ops.api_pace
WHERE account = %s AND paused_until > clock_timestamp()
"""
_PAUSE = """
INSERT INTO ops.api_pace AS stored (account, next_at, paused_until)
VALUES (%(account)s, clock_timestamp(), clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (account) DO UPDATE SET paused_until = greatest(stored.paused_until, excluded.paused_until)
"""
_SPEND = """
INSERT INTO ops.api_calls AS stored (account, run_id, bucket, calls, first_call_at)
SELECT %(account)s, %(run_id)s, %(bucket)s, 1, clock_timestamp() WHERE %(limit)s > 0
ON CONFLICT (account, run_id, bucket) DO UPDATE SET calls = stored.calls + 1 WHERE stored.calls < %(limit)s
RETURNING calls
"""


Result = TypeVar("Result")


class _ReusedConnection:
    """One connection for many short statements, opened at first use and after a loss."""

    def __init__(self, info: ConnectionInfo) -> None:
        self._info = info
        self._lock = threading.Lock()
        self._conn: psycopg.Connection | None = None

    def run(self, work: Callable[[psycopg.Connection], Result]) -> Result:
        with self._lock, warehouse_errors(self._info):
            if self._conn is None or self._conn.closed:
                self._conn = open_connection(self._info, autocommit=True)
                # the loss of a count in a crash of the server is harmless
                self._conn.execute("SET synchronous_commit = off")
            try:
                return work(self._conn)
            except psycopg.OperationalError:
                self._conn.close()
                raise

    def close(self) -> None:
        with self._lock, suppress(psycopg.Error):
            if self._conn is not None:
                self._conn.close()


class WarehousePacer:
    """Allows all tasks together `calls` of an account in any `window` seconds. Thread-safe.

    A cell-rate limiter (GCRA): a fifth of the calls can be made at once, the others are spread. Each call
    reserves its time with one statement and then waits, so that no task waits with a lock, and a task that
    dies loses only its own reservation. Times are those of the database's clock.
    """

    def __init__(
        self,
        info: ConnectionInfo,
        account: str,
        calls: int,
        window: float = WINDOW_SECONDS,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        burst = max(1, calls // 5)
        apart = window / (calls - burst + 1)
        self._terms = {"account": account, "apart": apart, "ahead": burst * apart}
        self._account = account
        self._sleep = sleep
        self._reused = _ReusedConnection(info)

    def acquire(self, bucket: str) -> None:
        """Reserve a time for one call, then wait for it and for the end of a pause.

        Raises:
            WarehouseUnavailable: the pace cannot be read.
        """
        reserved, paused = self._reused.run(self._take)
        wait = max(reserved, paused)
        while wait > 0:
            self._sleep(wait)
            # another task may have started a pause meanwhile
            wait = self._reused.run(self._paused)

    def pause(self, seconds: float) -> None:
        """Stop the calls of all tasks of the account for `seconds`."""
        terms = {"account": self._account, "seconds": seconds}
        self._reused.run(lambda conn: conn.execute(_PAUSE, terms))

    def close(self) -> None:
        """Close the connection to the warehouse."""
        self._reused.close()

    def _take(self, conn: psycopg.Connection) -> tuple[float, float]:
        row = conn.execute(_TAKE, self._terms).fetchone()
        assert row is not None  # noqa: S101 - an upsert without a condition returns its row
        return float(row[0]), float(row[1])

    def _paused(self, conn: psycopg.Connection) -> float:
        row = conn.execute(_PAUSED, (self._account,)).fetchone()
        return float(row[0]) if row else 0.0


class WarehouseBudget:
    """Counts the calls of a run, in total and by bucket, over all its tasks. Thread-safe."""

    def __init__(self, info: ConnectionInfo, account: str, run_id: str, limits: Mapping[str, int]) -> None:
        self._terms = {"account": account, "run_id": run_id}
        self._limits = limits
        self._reused = _ReusedConnection(info)

    def spend(self, bucket: str) -> None:
        """Count one call.

        Raises:
            CallBudgetSpent: the budget of this bucket or the total is spent; nothing was counted.
            WarehouseUnavailable: the count cannot be read.
        """
        limits = {name: self._limits[name] for name in (bucket, TOTAL) if name in self._limits}
        if limits:
            self._reused.run(lambda conn: self._count(conn, limits))

    def close(self) -> None:
        """Close the connection to the warehouse."""
        self._reused.close()

    def _count(self, conn: psycopg.Connection, limits: Mapping[str, int]) -> None:
        with conn.transaction():
            for name, limit in limits.items():
                terms = self._terms | {"bucket": name, "limit": limit}
                if conn.execute(_SPEND, terms).fetchone() is None:
                    raise CallBudgetSpent.of(name, limit)
