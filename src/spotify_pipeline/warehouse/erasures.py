"""After an erasure nothing is read for a user, or loaded of what was read, until a new consent."""

from __future__ import annotations

from datetime import UTC, date, datetime

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import UserErased
from spotify_pipeline.warehouse.connection import connect, naming_the_server


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
            "'spotify_user' is not newer: remove it, or log in again after that day to begin anew"
        )


def refuse_data_of_erased(conn: psycopg.Connection, user_hash: str) -> None:
    """Make sure that a user who was erased has logged in anew, in the transaction that loads their data.

    Raises:
        UserErased: nobody has; the transaction must be rolled back.
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
