"""Cool-downs of endpoint buckets, shared by all tasks through ops.api_cooldown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import RateLimited
from spotify_pipeline.warehouse.connection import connect

REFRESH_SECONDS = 2.0
"""Greatest delay until a task sees that another task has closed a bucket."""


@dataclass(frozen=True)
class Cooldown:
    """An endpoint bucket that must not be called before `deadline`."""

    account: str
    bucket: str
    deadline: datetime
    reason: str | None


class WarehouseCooldownGate:
    """A gate for one Spotify account; the table is read again every `REFRESH_SECONDS`. Thread-safe.

    Its methods raise WarehouseUnavailable if the table cannot be read, since no call is allowed then.
    """

    def __init__(
        self, info: ConnectionInfo, account: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._info = info
        self._account = account
        self._clock = clock
        self._closed: dict[str, Cooldown] = {}
        self._lock = threading.Lock()
        self._read_at: float | None = None

    def check(self, bucket: str, now: datetime) -> None:
        """Raise RateLimited when `bucket` is closed at `now`, the API's own time."""
        with self._lock:
            if self._read_at is None or self._clock() - self._read_at >= REFRESH_SECONDS:
                self._read()
            cooldown = self._closed.get(bucket)
        if cooldown is not None and now < cooldown.deadline:
            raise RateLimited.of(bucket, cooldown.deadline, cooldown.reason)

    def close(self, bucket: str, deadline: datetime, reason: str | None) -> None:
        """Close `bucket` for every task until `deadline`."""
        cooldown = Cooldown(self._account, bucket, deadline, reason)
        with self._lock:
            self._note(cooldown)
        with connect(self._info) as conn:
            close_bucket(conn, cooldown)

    def _note(self, cooldown: Cooldown) -> None:
        """Keep the later of two deadlines."""
        known = self._closed.get(cooldown.bucket)
        if known is None or known.deadline < cooldown.deadline:
            self._closed[cooldown.bucket] = cooldown

    def _read(self) -> None:
        with connect(self._info, autocommit=True) as conn:
            found = cooldowns(conn, self._account)
        for cooldown in found.values():
            self._note(cooldown)
        self._read_at = self._clock()


def close_bucket(conn: psycopg.Connection, cooldown: Cooldown) -> None:
    """Close a bucket until its deadline, unless it has a later one."""
    conn.execute(
        """
        INSERT INTO ops.api_cooldown AS stored (account, bucket, deadline, reason, recorded_at)
        VALUES (%s, %s, %s, %s, clock_timestamp())
        ON CONFLICT (account, bucket) DO UPDATE SET
            deadline = excluded.deadline, reason = excluded.reason, recorded_at = excluded.recorded_at
        WHERE excluded.deadline > stored.deadline
        """,
        [cooldown.account, cooldown.bucket, cooldown.deadline, cooldown.reason],
    )


def cooldowns(conn: psycopg.Connection, account: str) -> dict[str, Cooldown]:
    """Return all cool-downs of an account by bucket, including those that have ended."""
    rows = conn.execute(
        "SELECT account, bucket, deadline, reason FROM ops.api_cooldown WHERE account = %s", [account]
    )
    return {row[1]: Cooldown(*row) for row in rows}
