"""Tests of requests as a user: shared, rotated, refused and expired tokens, and interrupted refreshes."""

from __future__ import annotations

import json
import logging
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from spotify_pipeline.errors import (
    ApiUnavailable,
    AuthenticationError,
    ConfigurationError,
    PermissionDenied,
    RateLimited,
    TerminalError,
)
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.limits import MemoryCooldownGate
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileLoginStore
from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.spotify.clients import NO_WAITING, ClientMaker, connection
from tests.integration.spotify.logins import USER, MemoryStore, login_of
from tests.integration.spotify.scripted import Reply, ScriptedServer

pytestmark = pytest.mark.integration


def refreshes(sandbox: RunningSandbox) -> int:
    return sum(one["refreshes"] for one in sandbox.control.authorizations())


def test_one_refresh_serves_all_clients_of_a_login(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    hidden: list[str] = []
    store = MemoryStore(login_of(sandbox))
    first = sandbox_client(login=store, hide_secret=hidden.append)
    assert first.get("/me").document["id"] == USER
    assert first.get("/me/tracks", {"limit": "50"}).document["items"]
    # another task with the same login
    assert sandbox_client(login=store).get("/me").document["id"] == USER
    assert refreshes(sandbox) == 1
    assert {store.login.access_token, store.login.refresh_token} <= set(hidden)


def test_a_shared_token_does_not_rely_on_the_local_clock(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    """The sandbox's date is years ahead; deadlines are compared with it from the first call on."""
    sandbox.control.set_clock("2031-05-06T07:00:00Z")
    store = MemoryStore(login_of(sandbox, authorized_on=date(2031, 5, 1)))
    sandbox_client(login=store).get("/me")
    gate = MemoryCooldownGate()
    gate.close("GET /me", datetime(2031, 5, 6, 8, tzinfo=UTC), "QUOTA_EXCEEDED")
    before = sandbox.control.calls().api_total
    other = sandbox_client(login=store, gate=gate)
    with pytest.raises(RateLimited, match="until 2031-05-06 08:00:00 UTC"):
        other.get("/me")
    assert sandbox.control.calls().api_total == before
    assert other.api_now().date() == date(2031, 5, 6)
    assert refreshes(sandbox) == 1


def test_concurrent_threads_refresh_a_token_once(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    store = MemoryStore(login_of(sandbox))
    clients = [sandbox_client(login=store) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda number: clients[number % 4].get("/me").status, range(16)))
    assert statuses == [200] * 16
    assert refreshes(sandbox) == 1


def test_each_rotated_refresh_token_is_stored_and_used() -> None:
    with running(size=50, arguments=("--rotation", "always")) as sandbox:
        store = MemoryStore(login_of(sandbox))
        original = store.login.refresh_token
        known = connection(sandbox.api_url, sandbox.accounts_url, login=sandbox.client_id)
        with SpotifyClient.from_connection(known, Settings(), retries=NO_WAITING, login=store) as client:
            for _ in range(3):
                client.get("/me")
                sandbox.control.expire_tokens()
        assert len({login.refresh_token for login in store.written} | {original}) == 4
        assert {login.seed for login in store.written} == {store.login.seed}


def test_a_token_that_spotify_refuses_is_replaced_for_all_tasks(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    store = MemoryStore(login_of(sandbox))
    one, other = sandbox_client(login=store), sandbox_client(login=store)
    one.get("/me")
    other.get("/me")
    sandbox.control.expire_tokens()
    assert one.get("/me").status == other.get("/me").status == 200
    # the second task used the token that the first one had received
    assert refreshes(sandbox) == 2


def test_an_ended_login_is_not_retried(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    store = MemoryStore(login_of(sandbox, authorized_on=date(2026, 5, 21)))
    with pytest.raises(AuthenticationError, match="run 'spotify-pipeline auth login'") as error:
        sandbox_client(login=store).get("/me")
    assert isinstance(error.value, TerminalError)
    assert store.login.refresh_token not in str(error.value)
    assert sandbox.control.calls().total == 1


def test_a_login_that_the_user_revoked_is_reported(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    client = sandbox_client(login=MemoryStore(login_of(sandbox)))
    client.get("/me")
    sandbox.control.revoke_authorizations(USER)
    with pytest.raises(AuthenticationError, match="no longer accepts the login"):
        client.get("/me")


@pytest.mark.parametrize(("authorized_on", "warned"), [(date(2026, 6, 6), True), (date(2026, 6, 7), False)])
def test_every_run_warns_in_the_last_two_weeks_of_a_login(
    sandbox: RunningSandbox,
    sandbox_client: ClientMaker,
    caplog: pytest.LogCaptureFixture,
    authorized_on: date,
    warned: bool,
) -> None:
    store = MemoryStore(login_of(sandbox, authorized_on=authorized_on))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            sandbox_client(login=store).get("/me")
    warnings = [
        record.message for record in caplog.records if "the login at Spotify ends on" in record.message
    ]
    # once for each run, whether it refreshed or took the shared token
    assert len(warnings) == (2 if warned else 0)
    assert all("2026-12-06 (14 days left)" in text for text in warnings)


def test_a_missing_scope_is_permission_denied(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    client = sandbox_client(login=MemoryStore(login_of(sandbox, scopes=("user-top-read",))))
    assert client.get("/me/top/tracks", {"limit": "1"}).status == 200
    with pytest.raises(PermissionDenied, match="/me/tracks"):
        client.get("/me/tracks")


def test_a_refresh_token_in_a_response_is_masked_in_the_error(
    server: ScriptedServer, scripted_user: Callable[[MemoryStore], SpotifyClient]
) -> None:
    store = MemoryStore(Login("client", "r3fresh-secret", "0" * 16, (), date(2026, 11, 1)))
    body = {"error": "invalid_grant", "error_description": "bad token r3fresh-secret"}
    server.on("/api/token", Reply(400, body))
    with pytest.raises(AuthenticationError, match=r"bad token \*\*\*"):
        scripted_user(store).get("/me")


NEW = {"access_token": "acc3ss", "expires_in": 3600, "refresh_token": "r3placed"}
REVOKED = Reply(400, {"error": "invalid_grant", "error_description": "Refresh token revoked"})
UserMaker = Callable[[MemoryStore], SpotifyClient]


def new_store(**fields: Any) -> MemoryStore:
    return MemoryStore(Login("client", "r3fresh", "0" * 16, ("a",), date(2026, 11, 1), **fields))


class Killed(BaseException):
    """Stands for the end of a process between two statements."""


def test_a_store_that_cannot_be_written_is_not_refreshed(
    server: ScriptedServer, scripted_user: UserMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store()

    def refuse(login: Login) -> None:
        raise ConfigurationError("the state is read-only")

    monkeypatch.setattr(store, "write", refuse)
    with pytest.raises(ConfigurationError, match="read-only"):
        scripted_user(store).get("/me")
    assert server.count("/api/token") == 0


def test_a_kill_before_the_new_token_is_stored_is_reported_later(
    server: ScriptedServer, scripted_user: UserMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store()
    write = store.write

    def killed(login: Login) -> None:
        if login.access_token is not None:
            raise Killed
        write(login)

    server.on("/api/token", Reply(body=NEW), REVOKED)
    with monkeypatch.context() as patched:
        patched.setattr(store, "write", killed)
        with pytest.raises(Killed):
            scripted_user(store).get("/me")
    assert store.login.refreshing_since is not None
    for _ in range(2):
        with pytest.raises(AuthenticationError, match=r"was lost on .*: run 'spotify-pipeline auth login'"):
            scripted_user(store).get("/me")


KILLED_AFTER_THE_RESPONSE = """
import os, sys, pathlib
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.login_store import FileLoginStore
api, accounts, path = sys.argv[1:]
store = FileLoginStore(pathlib.Path(path))
write = store.write
store.write = lambda login: os._exit(9) if login.access_token else write(login)
known = ConnectionInfo("spotify_api", login="client", extra={"api_url": api, "accounts_url": accounts})
SpotifyClient.from_connection(known, Settings(), login=store).get("/me")
"""


def test_a_killed_process_marks_the_login_as_lost(tmp_path: Path) -> None:
    with running(size=50, arguments=("--rotation", "always")) as sandbox:
        store = FileLoginStore(tmp_path / "login.json")
        store.write(login_of(sandbox))
        command = [sys.executable, "-c", KILLED_AFTER_THE_RESPONSE]
        arguments = [sandbox.api_url, sandbox.accounts_url, str(store.path)]
        ended = subprocess.run([*command, *arguments], check=False)  # noqa: S603 - ours
        assert ended.returncode == 9
        known = connection(sandbox.api_url, sandbox.accounts_url)
        with (
            SpotifyClient.from_connection(known, Settings(), login=store, retries=NO_WAITING) as client,
            pytest.raises(AuthenticationError, match=r"was lost on .*: run 'spotify-pipeline auth login'"),
        ):
            client.get("/me")


def test_a_lost_response_within_one_call_is_reported(
    server: ScriptedServer, scripted_user: UserMaker
) -> None:
    server.on("/api/token", Reply(502, "bad gateway"), REVOKED)
    with pytest.raises(AuthenticationError, match="was lost on"):
        scripted_user(new_store()).get("/me")


def test_the_previous_refresh_token_is_kept_and_tried(
    server: ScriptedServer, scripted_user: UserMaker
) -> None:
    started = datetime(2026, 11, 22, 5, tzinfo=UTC)
    store = new_store(previous_refresh_token="older", refreshing_since=started)
    server.on("/api/token", REVOKED, Reply(body=NEW))
    server.on("/v1/me", Reply(body={"id": "x"}))
    scripted_user(store).get("/me")
    login = store.login
    assert (login.refresh_token, login.previous_refresh_token) == ("r3placed", "r3fresh")
    assert login.refreshing_since is None
    assert not any(secret in repr(login) for secret in ("r3placed", "r3fresh", "older", "acc3ss"))


def test_storing_a_new_token_is_tried_again_after_a_failure(
    server: ScriptedServer, scripted_user: UserMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store()
    write, failures = store.write, iter([OSError("busy")])

    def fail_once(login: Login) -> None:
        if login.access_token is not None and (failure := next(failures, None)):
            raise failure
        write(login)

    monkeypatch.setattr(store, "write", fail_once)
    monkeypatch.setattr("spotify_pipeline.spotify.user_tokens._STORE_AGAIN_SECONDS", 0.0)
    server.on("/api/token", Reply(body=NEW))
    server.on("/v1/me", Reply(body={"id": "x"}))
    scripted_user(store).get("/me")
    assert store.login.refresh_token == "r3placed"


@pytest.mark.parametrize("reason", ["invalid_client", "unauthorized_client"])
def test_a_refusal_of_the_app_names_the_app(
    server: ScriptedServer, scripted_user: UserMaker, reason: str
) -> None:
    server.on("/api/token", Reply(400, {"error": reason, "error_description": "Invalid client"}))
    with pytest.raises(AuthenticationError, match="does not accept the app of the login") as error:
        scripted_user(new_store()).get("/me")
    assert "six months" not in str(error.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404),
        Reply(403, "blocked"),
        Reply(401, ""),
        Reply(400, "<html><title>Bad gateway</title></html>"),
    ],
    ids=["404", "403", "401", "400"],
)
def test_a_refusal_without_an_oauth_error_is_an_outage(
    server: ScriptedServer, scripted_user: UserMaker, scripted_client: ClientMaker, reply: Reply
) -> None:
    """It comes from a proxy or another server, and does not mean that the login has ended."""
    server.on("/api/token", reply)
    store = new_store()
    for client in (scripted_user(store), scripted_client()):
        with pytest.raises(ApiUnavailable, match=f"token endpoint responds with {reply.status}"):
            client.get("/me")
    server.on("/api/token", Reply(body=NEW))
    server.on("/v1/me", Reply(body={"id": "x"}))
    scripted_user(store).get("/me")
    assert store.login.refresh_token == "r3placed"


def test_a_token_of_any_lifetime_keeps_the_new_refresh_token(
    server: ScriptedServer, scripted_user: UserMaker
) -> None:
    store = new_store()
    server.on("/api/token", Reply(body=NEW | {"expires_in": 10**30}))
    server.on("/v1/me", Reply(body={"id": "x"}))
    scripted_user(store).get("/me")
    assert store.login.refresh_token == "r3placed"


@pytest.mark.parametrize("extra", [{}, {"refresh_token": ""}, {"refresh_token": None}, {"refresh_token": 5}])
def test_a_response_without_a_refresh_token_keeps_the_old_one(
    server: ScriptedServer, scripted_user: Callable[[MemoryStore], SpotifyClient], extra: dict[str, object]
) -> None:
    store = MemoryStore(Login("client", "r3fresh-secret", "0" * 16, ("a",), date(2026, 11, 1)))
    server.on("/api/token", Reply(body={"access_token": "acc3ss", "expires_in": 3600, **extra}))
    server.on("/v1/me", Reply(body={"id": "x"}))
    scripted_user(store).get("/me")
    assert (store.login.refresh_token, store.login.scopes) == ("r3fresh-secret", ("a",))
    assert "acc3ss" not in repr(store.login)
    assert "r3fresh" not in repr(store.login)


def _read_me(api_url: str, accounts_url: str, path: str) -> int:
    known = connection(api_url, accounts_url)
    with SpotifyClient.from_connection(known, Settings(), login=FileLoginStore(Path(path))) as client:
        return client.get("/me").status


def test_processes_that_share_a_file_refresh_it_once(sandbox: RunningSandbox, tmp_path: Path) -> None:
    store = FileLoginStore(tmp_path / "login.json")
    store.write(login_of(sandbox))
    arguments = [(sandbox.api_url, sandbox.accounts_url, str(store.path))] * 2
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(_read_me, arguments) == [200] * 2
    assert refreshes(sandbox) == 1
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert json.loads(store.path.read_text())["access_token"] == store.read().access_token


def test_the_lock_of_a_dead_process_is_free(sandbox: RunningSandbox, tmp_path: Path) -> None:
    store = FileLoginStore(tmp_path / "login.json")
    store.write(replace(login_of(sandbox)))
    script = (
        "import os, sys, pathlib\n"
        "from spotify_pipeline.spotify.login_store import FileLoginStore\n"
        "with FileLoginStore(pathlib.Path(sys.argv[1])).locked(): os._exit(9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(store.path)], check=False)  # noqa: S603 - ours
    assert ended.returncode == 9
    with store.locked():
        assert store.read().user_hash
