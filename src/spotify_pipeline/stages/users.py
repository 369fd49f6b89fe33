"""The login of the user whose sources a run reads, and the lock under which it is refreshed."""

from __future__ import annotations

import logging

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
from spotify_pipeline.warehouse.advisory_locks import named_lock
from spotify_pipeline.warehouse.users import record_user

log = logging.getLogger(__name__)


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
    return SeededLoginStore(seed, kept, lambda: named_lock(warehouse, f"login {seed.user_hash}"))


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
