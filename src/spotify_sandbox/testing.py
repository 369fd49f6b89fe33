"""Start a sandbox for a test."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from spotify_sandbox.cli import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from spotify_sandbox.control import SandboxControl, trusted_certificates

_START_SECONDS = 30.0
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that responds; a client is configured with `api_url` and `accounts_url`."""

    base_url: str
    client_id: str
    client_secret: str
    control: SandboxControl
    process: subprocess.Popen[str]

    @property
    def api_url(self) -> str:
        """Address that replaces https://api.spotify.com/v1."""
        return f"{self.base_url}/v1"

    @property
    def accounts_url(self) -> str:
        """Address that replaces https://accounts.spotify.com."""
        return self.base_url

    def access_token(self) -> str:
        """Return a new client-credentials token."""
        response = httpx.post(
            f"{self.base_url}/api/token",
            auth=(self.client_id, self.client_secret),
            data={"grant_type": "client_credentials"},
            verify=trusted_certificates(),
        )
        response.raise_for_status()
        token: str = response.json()["access_token"]
        return token

    def user_token(self, user_id: str = "listener1", scopes: Iterable[str] | None = None) -> str:
        """Return a new access token of a user who has just logged in, by default with every scope."""
        refresh_token = self.control.authorize(user_id, scopes)
        response = httpx.post(
            f"{self.base_url}/api/token",
            data={
                "grant_type": "refresh_token",
                "refresh_token": refresh_token,
                "client_id": self.client_id,
            },
            verify=trusted_certificates(),
        )
        response.raise_for_status()
        token: str = response.json()["access_token"]
        return token


@contextmanager
def running(
    *,
    mode: str = "development",
    catalog: Path | None = None,
    seed: int = 1,
    size: int = 2000,
    clock: str | None = "2026-11-22T06:00:00Z",
    port: int = 0,
    client_id: str = DEFAULT_CLIENT_ID,
    client_secret: str = DEFAULT_CLIENT_SECRET,
    arguments: Sequence[str] = (),
) -> Iterator[RunningSandbox]:
    """Run a sandbox as a child process while the block runs, by default on a free port.

    Args:
        mode: Class of app.
        catalog: Folder of catalogues; None for the generated one.
        seed: Seed of the generated catalogue and the users.
        size: Approximate number of tracks of the generated catalogue.
        clock: Moment to start at, ISO 8601; None for now.
        port: Port; 0 for a free one.
        client_id: Client id of the app.
        client_secret: Client secret of the app.
        arguments: Further command-line options.

    Raises:
        RuntimeError: it does not respond within 30 seconds; the message has the output of the process.
    """
    options: dict[str, object] = {
        "--port": port,
        "--mode": mode,
        "--seed": seed,
        "--size": size,
        "--client-id": client_id,
        "--client-secret": client_secret,
    }
    if clock is not None:
        options["--clock"] = clock
    if catalog is not None:
        options["--catalog"] = catalog
    given = [text for option, value in options.items() for text in (option, str(value))]
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "spotify_sandbox", *given, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603  ours
        try:
            base_url = _address(process, log)
            with SandboxControl(base_url) as control:
                _wait_for_health(process, control, log)
                yield RunningSandbox(base_url, client_id, client_secret, control, process)
        finally:
            _stop(process)


def _address(process: subprocess.Popen[str], log: IO[str]) -> str:
    line = process.stdout.readline().strip() if process.stdout else ""
    if not line.startswith("http://"):
        raise RuntimeError(f"the sandbox did not start: {_written(log)}")
    return line


def _wait_for_health(process: subprocess.Popen[str], control: SandboxControl, log: IO[str]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            control.health()
        except httpx.TransportError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the sandbox does not respond: {_written(log)}") from error
            time.sleep(0.02)
        else:
            return


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def _written(log: IO[str]) -> str:
    log.seek(0)
    return log.read().strip() or "it wrote nothing"
