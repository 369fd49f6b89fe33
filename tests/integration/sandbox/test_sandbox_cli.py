"""Tests of starting the sandbox from the command line."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from spotify_sandbox.testing import running

pytestmark = pytest.mark.integration


def error_of(*arguments: str) -> str:
    command = [sys.executable, "-m", "spotify_sandbox", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603  ours
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.slow
def test_two_sandboxes_run_with_different_clocks() -> None:
    with (
        running(size=50, clock="2026-01-05T00:00:00Z") as one,
        running(size=50, clock="2026-02-06T00:00:00Z") as two,
    ):
        assert one.control.health()["served_date"] == "2026-01-05"
        assert two.control.health()["served_date"] == "2026-02-06"
        assert one.control.health()["mode"] == "development"
    assert one.process.returncode is not None
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{one.base_url}/_sandbox/health")


def test_the_error_for_a_used_port_names_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in error_of("--port", str(port))


def test_the_error_for_a_folder_without_catalogues_names_it(tmp_path: Path) -> None:
    assert f"{tmp_path}: no folder named YYYY-MM-DD" in error_of("--port", "0", "--catalog", str(tmp_path))


def test_a_clock_that_is_not_a_time_is_an_error() -> None:
    assert "not an ISO 8601 moment" in error_of("--port", "0", "--clock", "yesterday").replace("\n", " ")


def test_a_failed_start_raises_an_error_with_the_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nowhere: no such folder"), running(catalog=tmp_path / "nowhere"):
        pass


def test_the_real_catalogue_is_served_by_date(reference_data: Path) -> None:
    with running(catalog=reference_data / "catalogue", clock="2021-03-18T05:00:00Z") as sandbox:
        first = sandbox.control.catalog()
        sandbox.control.set_clock("2021-03-19T05:00:00Z")
        second = sandbox.control.catalog()
    assert (first.served_date.isoformat(), first.artist_count, first.track_count) == ("2021-02-26", 97, 3_926)
    assert (second.served_date.isoformat(), second.artist_count, second.track_count) == (
        "2021-03-19",
        197,
        12_855,
    )
