"""Tests failures to connect: one sentence names connection and server, and hides the password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError, LeaseLost, WarehouseUnavailable
from spotify_pipeline.warehouse.connection import open_connection, warehouse_errors
from spotify_pipeline.warehouse.migrate import create_engine


def info(port: int = 5432, host: str = "127.0.0.1", schema: str | None = "warehouse") -> ConnectionInfo:
    return ConnectionInfo("warehouse_ingest", "postgres", host, port, "spotify_ingest", "hidden-word", schema)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_down_is_named() -> None:
    port = closed_port()
    with pytest.raises(WarehouseUnavailable) as raised:
        open_connection(info(port))
    message = str(raised.value)
    assert f"connection 'warehouse_ingest': Postgres at 127.0.0.1:{port}" in message
    assert "Connection refused" in message
    assert "hidden-word" not in message
    assert "\n" not in message


def test_sqlalchemy_raises_the_same_error() -> None:
    with pytest.raises(WarehouseUnavailable, match="'warehouse_ingest'"):
        create_engine(info(closed_port()), statement_timeout=1, lock_timeout=1).connect()


def test_a_host_that_does_not_resolve_is_named() -> None:
    with pytest.raises(WarehouseUnavailable, match=r"Postgres at no-such-host\.invalid:5432"):
        open_connection(info(host="no-such-host.invalid"))


def test_a_connection_without_a_database_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'warehouse_ingest' has no schema"):
        open_connection(info(schema=None))


@contextmanager
def refusing_server(words: str) -> Iterator[int]:
    """Yield the port of a server without TLS that refuses every session with a message."""
    fields = b"".join(part.encode() + b"\0" for part in ("SFATAL", "C08P01", f"M{words}"))
    refusal = b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                client.recv(8)  # asks for TLS
                client.sendall(b"N")
                client.recv(4096)  # the start of the session, with its options
                client.sendall(refusal)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    "words",
    [
        "unsupported startup parameter: options",  # PgBouncer
        "unsupported startup parameter in options: statement_timeout",  # newer PgBouncer, Neon
        "Feature not supported: RDS Proxy currently doesn't support command-line options.",
    ],
)
def test_a_connection_pooler_is_refused_in_one_sentence(words: str) -> None:
    with refusing_server(words) as port, pytest.raises(ConfigurationError) as raised:
        open_connection(info(port))
    message = str(raised.value)
    assert f"Postgres at 127.0.0.1:{port} is a connection pooler" in message
    assert message.endswith("use the address of the Postgres server itself")
    assert "\n" not in message


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.AdminShutdown("terminating connection due to administrator command"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        psycopg.errors.DiskFull("no space left on device"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg.OperationalError("server closed the connection"),
    ],
)
def test_a_lost_server_is_a_transient_error(error: Exception) -> None:
    with pytest.raises(WarehouseUnavailable, match="run the task again"), warehouse_errors(info()):
        raise error


def test_a_missing_privilege_is_a_configuration_error() -> None:
    error = psycopg.errors.InsufficientPrivilege("permission denied for table tracks")
    with pytest.raises(ConfigurationError, match="spotify_ingest do this"), warehouse_errors(info()):
        raise error


@pytest.mark.parametrize(
    "words",
    [
        'connection is bad: invalid port number: "99999"',
        'connection is bad: definition of service "x" not found',
        'invalid value for parameter "DateStyle": "x"',
        "failed to resolve host 'postgresql://db': Name or service not known",
        "failed to resolve host 'db:5432': Name or service not known",
    ],
)
def test_a_mistake_in_a_connection_is_no_outage(words: str) -> None:
    with pytest.raises(ConfigurationError, match="correct the connection"), warehouse_errors(info()):
        raise psycopg.OperationalError(words)


@pytest.mark.parametrize(
    "error", [LeaseLost("lost"), ValueError("a bug"), psycopg.errors.SyntaxError("a bug")]
)
def test_other_errors_pass_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, warehouse_errors(info()):
        raise error
    assert raised.value is error
