"""Clients of the sandbox and of a scripted server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.login_store import LoginStore
from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.spotify.clients import NO_WAITING, ClientMaker, connection
from tests.integration.spotify.scripted import Reply, ScriptedServer, Sleeps, handler_for


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[RunningSandbox]:
    with running(size=300, seed=7) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: RunningSandbox) -> RunningSandbox:
    """The sandbox at 2026-11-22 06:00 UTC, without faults and with an empty call report."""
    sandbox_process.control.clear_faults()
    sandbox_process.control.set_clock("2026-11-22T06:00:00Z")
    sandbox_process.control.reset_users()
    sandbox_process.control.reset_calls()
    return sandbox_process


@pytest.fixture
def sandbox_client(sandbox: RunningSandbox) -> Iterator[ClientMaker]:
    """A function that creates clients of the sandbox, which do not wait between attempts."""
    made: list[SpotifyClient] = []

    def make(**options: Any) -> SpotifyClient:
        changes = {"login": sandbox.client_id, "password": sandbox.client_secret, **options.pop("fields", {})}
        known = connection(sandbox.api_url, sandbox.accounts_url, **changes)
        settings = options.pop("settings", Settings())
        made.append(SpotifyClient.from_connection(known, settings, **{"retries": NO_WAITING, **options}))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    script = ScriptedServer()

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(script))
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    script.on(
        "/api/token", Reply(body={"access_token": "t0ken-secret", "token_type": "Bearer", "expires_in": 3600})
    )
    yield script
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def scripted_client(server: ScriptedServer, sleeps: Sleeps) -> Iterator[ClientMaker]:
    """A function that creates clients of the scripted server, whose waits take no time."""
    made: list[SpotifyClient] = []

    def make(**settings: Any) -> SpotifyClient:
        known = connection(server.api_url, server.url)
        made.append(
            SpotifyClient.from_connection(
                known, Settings(**settings), pacer=sleeps.pacer(), retries=NO_WAITING
            )
        )
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def scripted_user(server: ScriptedServer, sleeps: Sleeps) -> Iterator[Callable[[LoginStore], SpotifyClient]]:
    """A function that creates clients of the scripted server with a user's login."""
    made: list[SpotifyClient] = []

    def make(login: LoginStore) -> SpotifyClient:
        known = connection(server.api_url, server.url)
        made.append(
            SpotifyClient.from_connection(
                known, Settings(), pacer=sleeps.pacer(), retries=NO_WAITING, login=login
            )
        )
        return made[-1]

    yield make
    for client in made:
        client.close()
