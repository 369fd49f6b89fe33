"""Finds the logins of users, and records who has logged in."""

from __future__ import annotations

import logging

import psycopg

from spotify_pipeline.connections import SPOTIFY_API, ConnectionInfo, ConnectionLookup, user_connection
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
from spotify_pipeline.warehouse.advisory_locks import named_lock
from spotify_pipeline.warehouse.users import record_user

log = logging.getLogger(__name__)


def login_store(
    lookup: ConnectionLookup,
    settings: Settings,
    warehouse: ConnectionInfo,
    state: LoginState | None,
    name: str | None = None,
) -> LoginStore | None:
    """Return the store of a user's login: the user's connection, else the command line's file, else None.

    The login of another app is ignored unless the connection's extra has `other_app`, so that a token of a
    real app is not sent to a sandbox.

    Args:
        lookup: the connections.
        settings: the path of the command line's file.
        warehouse: the connection for the lock.
        state: storage of refreshed tokens of the connection; None: a file next to the command line's.
        name: name of the user; None for the one of connection `spotify_user`.

    Raises:
        ConfigurationError: the connection or the file cannot be used.
    """
    conn_id = user_connection(name)
    try:
        connection = lookup(conn_id)
    except ConnectionMissing:
        path = settings.login_file_of(name)
        return FileLoginStore(path, conn_id) if path.exists() else None
    seed = Login.from_connection(connection)
    if seed.client_id != lookup(SPOTIFY_API).login and not connection.extra.get("other_app"):
        log.warning(
            "connection '%s' is ignored: its client id is not that of '%s', so the login was made with "
            "another app; if its owner uses that app, set other_app in its extra to true",
            conn_id,
            SPOTIFY_API,
        )
        return None
    kept = state or FileState(settings.login_file.with_name(f"connection-{seed.user_hash}.json"))
    return SeededLoginStore(seed, kept, lambda: named_lock(warehouse, f"login {seed.user_hash}"))


def note_user(conn: psycopg.Connection, login: Login) -> None:
    """Record a user's login and its end in ops.user."""
    record_user(
        conn,
        login.user_hash,
        connection=login.connection,
        scopes=login.scopes,
        authorized_on=login.authorized_on,
        token_expires_on=login.ends_on,
    )
