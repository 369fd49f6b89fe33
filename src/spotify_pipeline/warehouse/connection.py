"""Opens connections to the warehouse, and converts errors so that they name connection and server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError, PipelineError, WarehouseUnavailable

CONNECT_TIMEOUT = 10
STATEMENT_TIMEOUT = 1800
LOCK_TIMEOUT = 600
IDLE_IN_TRANSACTION_TIMEOUT = 900
# options of libpq that a connection's extra may hold
TLS_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
# PgBouncer and Neon's pooler; RDS Proxy
_POOLER = re.compile(r"unsupported startup parameter|support command-line options")
# libpq has no SQLSTATE for a refused connection, so the message of the server is matched
_REFUSED = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|permission denied"
)
# mistakes in the connection or in a variable of the environment, which libpq reads too
_MISTAKE = re.compile(
    r"invalid port number|definition of service|invalid value for parameter|resolve host '[^']*[/@:][^']*'"
)


@contextmanager
def connect(
    info: ConnectionInfo,
    *,
    application_name: str = "spotify-pipeline",
    autocommit: bool = False,
    statement_timeout: int = STATEMENT_TIMEOUT,
    lock_timeout: int = LOCK_TIMEOUT,
) -> Iterator[psycopg.Connection]:
    """Open a connection for a block: COMMIT at its end, ROLLBACK after an error.

    Errors of the server in the block are converted as in `warehouse_errors`; for the arguments see
    `open_connection`.
    """
    with (
        warehouse_errors(info),
        open_connection(
            info,
            application_name=application_name,
            autocommit=autocommit,
            statement_timeout=statement_timeout,
            lock_timeout=lock_timeout,
        ) as conn,
    ):
        yield conn


def open_connection(
    info: ConnectionInfo,
    *,
    application_name: str = "spotify-pipeline",
    autocommit: bool = False,
    statement_timeout: int = STATEMENT_TIMEOUT,
    lock_timeout: int = LOCK_TIMEOUT,
) -> psycopg.Connection:
    """Open a connection, which the caller closes; time-outs are in seconds, 0 for none.

    `info.extra` may hold the options of TLS_OPTIONS. A lost peer is detected within a
    minute (TCP keepalives, TCP_USER_TIMEOUT), and the server ends a transaction that stays idle.

    Raises:
        WarehouseUnavailable: the server cannot be reached.
        ConfigurationError: it refuses this login or database or is a connection pooler, or the connection
            lacks its host.
    """
    settings = {
        "statement_timeout": statement_timeout * 1000,
        "lock_timeout": lock_timeout * 1000,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT * 1000,
    }
    parameters: dict[str, Any] = {
        "host": info.require("host"),
        "port": info.port or 5432,
        "dbname": info.require("schema"),
        "user": info.require("login"),
        "password": info.password,
        "application_name": application_name,
        "connect_timeout": CONNECT_TIMEOUT,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        # keepalives are not sent while sent data is not acknowledged
        "tcp_user_timeout": 60_000,
        "client_encoding": "UTF8",
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }
    parameters |= {name: info.extra[name] for name in TLS_OPTIONS if info.extra.get(name)}
    with warehouse_errors(info):
        return psycopg.connect(autocommit=autocommit, **parameters)


@contextmanager
def warehouse_errors(info: ConnectionInfo) -> Iterator[None]:
    """Convert errors of psycopg about the server into errors that name connection and server.

    Raises:
        WarehouseUnavailable: the server cannot be reached, was lost, or a time-out passed.
        ConfigurationError: the server refuses the login, the database or a privilege.
    """
    try:
        yield
    except PipelineError:
        raise
    except psycopg.Error as error:
        translated = _translate(info, error)
        if translated is None:
            raise
        raise translated from None


def has_table(conn: psycopg.Connection, name: str) -> bool:
    """Return whether a table, as `schema.table`, exists: none does before the first migration."""
    row = conn.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone()
    return bool(row and row[0])


def _translate(info: ConnectionInfo, error: psycopg.Error) -> PipelineError | None:
    server = f"connection '{info.conn_id}': Postgres at {info.host}:{info.port or 5432}"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ConfigurationError(
            f"{server} does not let {info.login} do this ({_words(error)}): "
            "use the connection of the right role"
        )
    if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return None
    words = _words(error)
    if _POOLER.search(words):
        return ConfigurationError(
            f"{server} is a connection pooler, which keeps neither the time-outs nor the locks of a session "
            f"({words}): use the address of the Postgres server itself"
        )
    if error.sqlstate is None and _REFUSED.search(words):
        return ConfigurationError(
            f"{server} refuses {info.login} ({words}): check login, password and database of the connection"
        )
    kind: type[PipelineError] = WarehouseUnavailable
    way_out = "check that it runs and is reachable; run the task again"
    if _MISTAKE.search(words):
        kind = ConfigurationError
        way_out = (
            "correct the connection, or unset the variable of the environment (PGSERVICE, PGDATESTYLE, …) "
            "that sets this"
        )
    return kind(f"{server} cannot be used ({words}): {way_out}")


def _words(error: BaseException) -> str:
    """Return the message without libpq's prefix, which repeats host and port."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^.*\bport \d+ failed: (FATAL: +)?", "", lines[0]).strip()
