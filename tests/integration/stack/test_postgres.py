"""Tests of the embedded Postgres as a real server."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_stack.health import NotReady
from spotify_stack.ports import PortReservation
from spotify_stack.postgres import PostgresServer
from spotify_stack.processes import running

pytestmark = pytest.mark.integration


def test_version_collation_and_time_zone_are_fixed(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version_num')::int / 10000, datlocprovider, datlocale,"
            " current_setting('TimeZone') FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row == (18, "b", "C.UTF-8", "UTC")


def test_wrong_password_is_refused(postgres_server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.url(password="wrong"))


def test_listens_on_loopback_tcp_only(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url()) as connection:
        row = connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        ).fetchone()
    assert row == ("127.0.0.1", "")


def test_server_does_not_run_as_root(postgres_server: PostgresServer) -> None:
    pid = int((postgres_server.data / "postmaster.pid").read_text().splitlines()[0])
    assert psutil.Process(pid).uids().effective != 0


def test_each_test_gets_its_own_database(empty_database: str, postgres_server: PostgresServer) -> None:
    assert empty_database.startswith(postgres_server.url("test_"))
    with psycopg.connect(empty_database) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)


def _server_in(folder: Path, port: int, *, durable: bool = False) -> PostgresServer:
    server = PostgresServer(folder / "data", port, password="pässword with 'quotes' and %", durable=durable)
    server.initialise()
    return server


def test_a_private_data_folder_stays_private(tmp_path: Path, port_reservation: PortReservation) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = _server_in(closed, port_reservation.choose(15_450))
    with (
        running(server.command(), check=server.check, log=closed / "log", what="Postgres"),
        psycopg.connect(server.url()) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert closed.stat().st_uid == os.geteuid()


def test_the_data_folder_s_path_may_be_long(port_reservation: PortReservation) -> None:
    with tempfile.TemporaryDirectory() as folder:
        deep = Path(folder, *["a-rather-long-folder-name"] * 6)
        deep.mkdir(parents=True)
        assert len(str(deep)) > 108
        server = _server_in(deep, port_reservation.choose(15_450))
        with running(server.command(), check=server.check, log=deep / "log", what="Postgres"):
            server.check()


def test_an_interrupted_initdb_is_deleted(tmp_path: Path, port_reservation: PortReservation) -> None:
    unfinished = tmp_path / "data.unfinished"
    unfinished.mkdir()
    (unfinished / "base").write_text("half")
    server = _server_in(tmp_path, port_reservation.choose(15_450))
    assert (server.data / "PG_VERSION").read_text().strip() == "18"
    assert not unfinished.exists()


def test_initialise_keeps_a_complete_data_folder(tmp_path: Path) -> None:
    server = _server_in(tmp_path, 1)
    before = (server.data / "PG_VERSION").stat().st_mtime_ns
    server.initialise()
    assert (server.data / "PG_VERSION").stat().st_mtime_ns == before


def test_the_error_of_initialise_gives_the_reason(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"data folder .*data cannot be created"):
        PostgresServer(tmp_path / "data", 1, password="x").initialise()


def test_the_server_starts_after_sigkill_with_a_stale_pid_file(
    tmp_path: Path, port_reservation: PortReservation
) -> None:
    server = _server_in(tmp_path, port_reservation.choose(15_450), durable=True)
    start: dict[str, Any] = {"check": server.check, "log": tmp_path / "log", "what": "Postgres"}
    with running(server.command(), **start) as process:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        os.killpg(process.pid, signal.SIGKILL)
    pid_file = server.data / "postmaster.pid"
    # the worst case: the process id in the file belongs to another running process
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    server.discard_stale_pid_file()
    assert not pid_file.exists()
    with running(server.command(), **start), psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
        server.discard_stale_pid_file()
        assert pid_file.exists(), "the file of a running server is kept"


def test_check_names_the_port_of_a_missing_server(tmp_path: Path, port_reservation: PortReservation) -> None:
    port = port_reservation.choose(15_450)
    with pytest.raises(NotReady, match=f"port {port}"):
        PostgresServer(tmp_path, port, password="x").check()


def test_a_server_that_ends_while_starting_is_an_error(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "absent", 15_499, password="x")
    with (
        pytest.raises(NotReady, match=r"test Postgres \(log: .*log\) did not start: it ended with status"),
        running(server.command(), check=server.check, log=tmp_path / "log", what="test Postgres", timeout=30),
    ):
        pytest.fail("it cannot have started")
