"""Tests unusual environments: variables of other servers, a user without a name, a full disk."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

import spotify_stack
from spotify_pipeline.cli.errors import report_errors
from spotify_pipeline.doctor import disk
from spotify_pipeline.doctor.user import nameless_user
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.spotify.transport import Transport
from spotify_sandbox.control import SandboxControl
from spotify_stack import object_store, postgres
from spotify_stack.airflow_environment import inherited, isolate, no_proxy
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.postgres import PostgresServer
from spotify_stack.state import create_or_load
from spotify_stack.supervision import EARLY_ENDS, EarlyEnds


def test_variables_of_other_servers_are_removed() -> None:
    shell = {"PGSSLMODE": "require", "PGHOSTADDR": "192.0.2.1", "DBT_TARGET": "prod", "HOME": "/home/x"}
    isolate(shell)
    assert shell == {"HOME": "/home/x", "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def test_services_inherit_nothing_that_stops_them(tmp_path: Path) -> None:
    useful = {"HOME": "/home/x", "LANG": "C.UTF-8", "TMPDIR": str(tmp_path), "HTTPS_PROXY": "http://proxy:1"}
    harmful = {
        "PYTHONWARNINGS": "error",
        "PYTHONOPTIMIZE": "2",
        "PGSERVICE": "other",
        "DBT_PROFILES_DIR": "/other",
        "AIRFLOW__CORE__EXECUTOR": "Other",
        "SSL_CERT_FILE": "/no/such/file",
        "REQUESTS_CA_BUNDLE": "",
    }
    assert inherited(useful | harmful) == useful
    assert "TMPDIR" not in inherited({"TMPDIR": str(tmp_path / "gone")})


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("gone.pem", "empty.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
            Transport("https://api.spotify.com/v1", timeout=1, max_response_bytes=1)
        Transport("http://127.0.0.1:9/v1", timeout=1, max_response_bytes=1).close()


def test_no_proxy_is_extended() -> None:
    found = no_proxy({"NO_PROXY": "example.com, localhost"})
    assert found["no_proxy"] == found["NO_PROXY"] == "example.com,localhost,127.0.0.1"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "no proxy at all"])
def test_servers_of_this_machine_need_no_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    SandboxControl("http://127.0.0.1:9").close()
    Transport("http://127.0.0.1:9/v1", timeout=1, max_response_bytes=1).close()


def test_a_socks_proxy_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's tasks create such a client too, and do not start without the package for it."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    httpx.Client().close()
    Transport("https://api.spotify.com/v1", timeout=1, max_response_bytes=1).close()


def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "ftp://user:hidden@proxy")
    with pytest.raises(ConfigurationError, match="not a proxy's URL") as raised:
        Transport("https://api.spotify.com/v1", timeout=1, max_response_bytes=1)
    assert "hidden" not in str(raised.value)


def test_the_manifest_ignores_the_target_of_another_project(tmp_path: Path) -> None:
    """`make test` starts with this parse, with the variables of the shell."""
    code = (
        "import runpy, subprocess, spotify_stack.dbt_manifest\n"
        "def run(command, check, env):\n"
        "    print([name for name in env if name.startswith('DBT_')])\n"
        "    raise SystemExit\n"  # nothing is written
        "subprocess.run = run\n"
        "runpy.run_module('spotify_stack.dbt_manifest', run_name='__main__')\n"
    )
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"DBT_TARGET": "prod"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() in {"[]", ""}, "nothing is printed if the manifest is current"


def test_the_installation_works_in_a_folder_of_any_name() -> None:
    """With LC_ALL=C, Python cannot read a path with letters outside ASCII while it starts."""
    folder = Path(sysconfig.get_path("purelib"))
    found = list(folder.glob("__editable__.spotify_pipeline-*.pth"))
    if not found:
        pytest.skip("not an editable installation")
    for path in found:
        line = path.read_text().strip()
        assert line.isascii(), "run `make .venv`"
        assert (folder / line).resolve() == Path(spotify_stack.__path__[0]).parent.resolve()


def test_a_user_id_without_a_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> Any:
        raise KeyError

    assert nameless_user() == ""
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert "has no name on this machine" in nameless_user()


@pytest.mark.usefixtures("private_ports")
def test_a_socket_of_another_user_changes_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "SOCKETS", tmp_path)
    with PortReservation() as reservation:
        port = create_or_load(StackPaths(tmp_path / "one"), reservation).ports["s3-s3"]
    (tmp_path / f"seaweedfs-s3-grpc-{port + object_store.GRPC_OFFSET}.sock").touch()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with PortReservation() as reservation:
        assert create_or_load(StackPaths(tmp_path / "one"), reservation).ports["s3-s3"] > port
    monkeypatch.setattr(os, "geteuid", lambda: mine)
    assert not object_store.has_foreign_socket("s3", port), "weed replaces a socket of the same user"


def initdb_that_prints(words: str) -> Any:
    def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", words)

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "could not write to file: No space left on device\ninitdb: removing contents of data directory",
            "the disk is full",
        ),
        (
            "initdb: error: invalid locale\ninitdb: removing contents of data directory",
            "error: invalid locale",
        ),
    ],
)
def test_initdb_s_error_is_shown_without_its_clean_up(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres.subprocess, "run", initdb_that_prints(words))
    with pytest.raises(ConfigurationError, match=message):
        PostgresServer(tmp_path / "data", 1, "word").initialise()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), report_errors():
        raise OSError(errno.ENOSPC, "No space left on device", "/data/x")
    assert "the disk is full while writing /data/x: free some space" in capsys.readouterr().err


def test_a_full_disk_is_noticed_by_its_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert disk.full_disk(tmp_path) == ""
    monkeypatch.setattr(disk, "FULL_BYTES", 2**80)
    assert str(tmp_path) in disk.full_disk(tmp_path)


class Ending:
    """A supervisor whose service ends at the given times."""

    def __init__(self, *ends: int) -> None:
        self._ends = iter(ends)

    def last_end(self, _name: str) -> tuple[str, int]:
        return "BACKOFF", next(self._ends)

    def last_lines(self, _name: str) -> str:
        return "bind: address already in use"


def test_a_server_that_keeps_ending_ends_the_wait() -> None:
    ends = EarlyEnds(Ending(5, 5, 9, 9, 10, 12), "sandbox")  # type: ignore[arg-type]
    reasons = [ends.reason() for _ in range(5)]
    assert reasons[:4] == [None] * 4, "an end before this start does not count, and each end counts once"
    assert EARLY_ENDS == 3
    assert reasons[4] == "it ends as soon as it starts; the end of its log: bind: address already in use"
