"""The login of the user whose sources a run reads, and the lock under which it is refreshed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from spotify_pipeline.connections import SPOTIFY_API, SPOTIFY_USER, ConnectionInfo, ConnectionLookup
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import (
    FileLoginStore,
    FileState,
    LoginState,
    LoginStore,
    SeededLoginStore,
)
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.users import record_user

log = logging.getLogger(__name__)
_LOCK_SECONDS = 120
"""Longer than any refresh takes, its retries included."""


def login_store(
    lookup: ConnectionLookup, settings: Settings, warehouse: ConnectionInfo, state: LoginState | None
) -> LoginStore | None:
    """Where the login of this run is: connection `spotify_user`, else the command line's file; None: nowhere.

    `state` keeps the successors of the connection's tokens; None: a file next to the command line's.
    The login of another app cannot be used: it is ignored.

    Raises:
        ConfigurationError: the connection or the file cannot be used.
    """
    try:
        connection = lookup(SPOTIFY_USER)
    except ConnectionMissing:
        return FileLoginStore(settings.login_file) if settings.login_file.exists() else None
    seed = Login.from_connection(connection)
    if seed.client_id != lookup(SPOTIFY_API).login:
        log.warning(
            "connection '%s' is left alone: its login, a client id, is not that of '%s', so it was made with "
            "another app",
            SPOTIFY_USER,
            SPOTIFY_API,
        )
        return None
    kept = state or FileState(settings.login_file.with_name(f"connection-{seed.user_hash}.json"))
    return SeededLoginStore(seed, kept, lambda: warehouse_lock(warehouse, f"login {seed.user_hash}"))


def note_user(conn: psycopg.Connection, login: Login) -> None:
    """Keep in ops.user who has logged in, and until when."""
    record_user(
        conn,
        login.user_hash,
        connection=SPOTIFY_USER,
        scopes=login.scopes,
        authorized_on=login.authorized_on,
        token_expires_on=login.ends_on,
    )


@contextmanager
def warehouse_lock(info: ConnectionInfo, name: str) -> Iterator[None]:
    """Hold the lock called `name` among all tasks of all machines; it ends with the connection.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached, or another holder keeps the lock for minutes.
    """
    with naming_the_server(info), connect(info, autocommit=True, lock_timeout=_LOCK_SECONDS) as conn:
        conn.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        yield
