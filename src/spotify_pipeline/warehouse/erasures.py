"""Rows of ops.erasure: receipts of erasures, and checks that erased data is not loaded again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import psycopg
from psycopg.types.json import Jsonb

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import UserErased
from spotify_pipeline.warehouse.connection import connect, has_table


@dataclass(frozen=True)
class Receipt:
    """Counts of what was removed for a user: objects by zone, rows by table, logins by place."""

    user_hash: str
    removed: Counter[str] = field(default_factory=Counter)
    erased_at: datetime | None = None

    @property
    def total(self) -> int:
        """Sum of all counts."""
        return sum(self.removed.values())


def begin_erasure(
    conn: psycopg.Connection, user_hash: str, erased_at: datetime | None = None
) -> tuple[int, datetime]:
    """Add an empty receipt and return its id and time; once committed, the user's data is refused.

    Args:
        conn: connection of the owner.
        user_hash: the user.
        erased_at: time of an earlier erasure whose receipt the warehouse lost; None for now.
    """
    row = conn.execute(
        "INSERT INTO ops.erasure (user_hash, erased_at, removed)"
        " VALUES (%s, coalesce(%s, clock_timestamp()), '{}') RETURNING id, erased_at",
        [user_hash, erased_at],
    ).fetchone()
    assert row is not None  # noqa: S101 - an INSERT of one row returns it
    return int(row[0]), row[1]


def finish_erasure(conn: psycopg.Connection, erasure_id: int, removed: Counter[str]) -> None:
    """Write the counts of removed objects and rows into the receipt."""
    conn.execute(
        "UPDATE ops.erasure SET removed = %s WHERE id = %s", [Jsonb(without_zeros(removed)), erasure_id]
    )


def without_zeros(removed: Mapping[str, int]) -> dict[str, int]:
    """Return the counts above 0, sorted by name."""
    return {name: count for name, count in sorted(removed.items()) if count}


def last_erasures(conn: psycopg.Connection) -> dict[str, datetime]:
    """Return the time of the last erasure by user."""
    rows = conn.execute("SELECT user_hash, max(erased_at) FROM ops.erasure GROUP BY user_hash")
    return dict(rows.fetchall())


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


def refuse_login_of_erased(
    warehouse: ConnectionInfo, user_hash: str, authorized_on: date, connection: str
) -> None:
    """Check that a user's login is newer than the last erasure of the user's data.

    Raises:
        UserErased: it was not.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with connect(warehouse, autocommit=True) as conn:
        erased = _erased_on(conn, user_hash)
    if erased is not None and authorized_on <= erased:
        raise UserErased(
            f"the data of the user of connection '{connection}' was erased on {erased}, and the login is not "
            "newer: remove it, or log in again after that day to start again"
        )


def refuse_data_of_erased(conn: psycopg.Connection, user_hash: str) -> None:
    """Check in the transaction of a load that its user was not erased, or has logged in again.

    Raises:
        UserErased: the user was erased; the transaction must be rolled back.
    """
    erased = _erased_on(conn, user_hash)
    known = conn.execute('SELECT 1 FROM ops."user" WHERE user_hash = %s', [user_hash]).fetchone()
    if erased is not None and known is None:
        raise UserErased(
            f"the data of this user was erased on {erased}: its remains in the lake are not loaded; "
            "run 'spotify-pipeline erase-user' again to remove it"
        )


def refuse_playlists_of_erased(conn: psycopg.Connection) -> None:
    """Check in the transaction of a load that staging has no playlist of an erased user.

    Raises:
        UserErased: it has one, from a fetch that ran during the erasure; the transaction must be rolled back.
    """
    found = conn.execute(
        "SELECT playlist_id FROM staging.playlists WHERE owner_hash = ANY(%s) LIMIT 1", [erased_users(conn)]
    ).fetchone()
    if found is not None:
        raise UserErased(
            f"the data of the owner of playlist {found[0]} was erased, so it is not loaded: run "
            "'spotify-pipeline erase-user' again to remove what is left of it"
        )


def _erased_on(conn: psycopg.Connection, user_hash: str) -> date | None:
    if not has_table(conn, "ops.erasure"):
        return None
    row = conn.execute("SELECT max(erased_at) FROM ops.erasure WHERE user_hash = %s", [user_hash]).fetchone()
    erased_at: datetime | None = row[0] if row else None
    return None if erased_at is None else erased_at.astimezone(UTC).date()
