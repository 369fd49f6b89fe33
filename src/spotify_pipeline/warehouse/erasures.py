"""Rows of ops.erasure: receipts of erased users, and the check that their data does not come back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import psycopg
from psycopg.types.json import Jsonb

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import UserErased
from spotify_pipeline.warehouse.connection import connect, naming_the_server


@dataclass(frozen=True)
class Receipt:
    """What was removed for a user: objects by zone, rows by table, logins by place. Counts, no content."""

    user_hash: str
    removed: Counter[str] = field(default_factory=Counter)
    erased_at: datetime | None = None

    @property
    def total(self) -> int:
        """Sum of all counts."""
        return sum(self.removed.values())


def begin_erasure(conn: psycopg.Connection, user_hash: str) -> int:
    """Add an empty receipt, which from its commit on refuses the user's data; return its id."""
    row = conn.execute(
        "INSERT INTO ops.erasure (user_hash, erased_at, removed) VALUES (%s, clock_timestamp(), '{}')"
        " RETURNING id",
        [user_hash],
    ).fetchone()
    assert row is not None  # noqa: S101 - an INSERT of one row returns it
    return int(row[0])


def finish_erasure(conn: psycopg.Connection, erasure_id: int, removed: Counter[str]) -> None:
    """Write the counts of what was removed into the receipt."""
    counts = {name: count for name, count in sorted(removed.items()) if count}
    conn.execute(
        "UPDATE ops.erasure SET removed = %s, erased_at = clock_timestamp() WHERE id = %s",
        [Jsonb(counts), erasure_id],
    )


def receipts(conn: psycopg.Connection) -> list[Receipt]:
    """Return all receipts, newest first."""
    rows = conn.execute("SELECT user_hash, removed, erased_at FROM ops.erasure ORDER BY id DESC")
    return [Receipt(user_hash, Counter(removed), erased_at) for user_hash, removed, erased_at in rows]


def erased_users(conn: psycopg.Connection) -> list[str]:
    """Return the hashes of erased users who have not logged in again since."""
    rows = conn.execute(
        "SELECT DISTINCT user_hash FROM ops.erasure"
        ' WHERE user_hash NOT IN (SELECT user_hash FROM ops."user") ORDER BY 1'
    )
    return [row[0] for row in rows]


def refuse_login_of_erased(warehouse: ConnectionInfo, user_hash: str, authorized_on: date) -> None:
    """Make sure that a login was given after the last erasure of its user's data.

    Raises:
        UserErased: it was not.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(warehouse), connect(warehouse, autocommit=True) as conn:
        erased = _erased_on(conn, user_hash)
    if erased is not None and authorized_on <= erased:
        raise UserErased(
            f"the data of user {user_hash} was erased on {erased}, and the login of connection "
            "'spotify_user' is not newer: remove it, or log in again after that day to start again"
        )


def refuse_data_of_erased(conn: psycopg.Connection, user_hash: str) -> None:
    """Make sure that an erased user has logged in again, in the transaction that loads their data.

    Raises:
        UserErased: the user has not; the transaction must be rolled back.
    """
    erased = _erased_on(conn, user_hash)
    known = conn.execute('SELECT 1 FROM ops."user" WHERE user_hash = %s', [user_hash]).fetchone()
    if erased is not None and known is None:
        raise UserErased(
            f"the data of user {user_hash} was erased on {erased}: what is left of it in the lake is not "
            "loaded; run 'spotify-pipeline erase-user' again to remove it"
        )


def _erased_on(conn: psycopg.Connection, user_hash: str) -> date | None:
    # before the first migration there is no such table
    there = conn.execute("SELECT to_regclass('ops.erasure') IS NOT NULL").fetchone()
    if not there or not there[0]:
        return None
    row = conn.execute("SELECT max(erased_at) FROM ops.erasure WHERE user_hash = %s", [user_hash]).fetchone()
    erased_at: datetime | None = row[0] if row else None
    return None if erased_at is None else erased_at.astimezone(UTC).date()
