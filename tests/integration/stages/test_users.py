"""Tests of runs with a user's sources, of the login's lock, and of an album that always fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from spotify_pipeline.connections import SPOTIFY_USER, ConnectionInfo, from_environment
from spotify_pipeline.errors import (
    ApiUnavailable,
    ConfigurationError,
    ConnectionMissing,
    PermissionDenied,
    WarehouseUnavailable,
)
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.spotify.endpoints import Scope
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileLoginStore
from spotify_pipeline.stages.plan import plan
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.advisory_locks import named_lock
from tests.accounts import ACCOUNT_KEY, user_hash
from tests.integration.pipeline import DAY, Pipeline

pytestmark = pytest.mark.integration


class State:
    """A login state in memory."""

    def __init__(self) -> None:
        self.text: str | None = None

    def read(self) -> str | None:
        return self.text

    def write(self, text: str) -> None:
        self.text = text


def login_of(pipeline: Pipeline, scopes: tuple[str, ...] = tuple(Scope)) -> Login:
    token = pipeline.sandbox.control.authorize("listener1", scopes)
    who = user_hash("listener1")
    key_id = ACCOUNT_KEY.key_id
    return Login(pipeline.sandbox.client_id, token, who, scopes, date(2026, 11, 22), key_id)


MakeRuntime = Callable[[Login | None], Runtime]


@pytest.fixture
def runtime_of(pipeline: Pipeline, tmp_path: Path) -> MakeRuntime:
    """A function that returns a runtime with a login as connection spotify_user, or without one."""
    state = State()

    def make(login: Login | None) -> Runtime:
        def lookup(conn_id: str) -> ConnectionInfo:
            if conn_id != SPOTIFY_USER:
                return pipeline.runtime.lookup(conn_id)
            if login is None:
                raise ConnectionMissing("not defined")
            return from_environment(conn_id, {"AIRFLOW_CONN_SPOTIFY_USER": login.to_connection()})

        settings = pipeline.runtime.settings.model_copy(update={"login_file": tmp_path / "login.json"})
        return replace(
            pipeline.runtime, lookup=lookup, settings=settings, login_state=lambda _connection: state
        )

    return make


def test_a_library_is_planned_and_fetched_as_its_user(pipeline: Pipeline, runtime_of: MakeRuntime) -> None:
    pipeline.list_sources({"name": "mine", "kind": "saved_tracks"}, {"name": "top", "kind": "top_tracks"})
    runtime = runtime_of(login_of(pipeline))
    assert [group.sources for group in plan(runtime, DAY).groups] == [("mine",), ("top",)]

    def fetch(number: int) -> bool:
        # like two tasks, which share only the warehouse and the login state
        return replace(pipeline, runtime=runtime_of(login)).fetch(("mine", "top")[number % 2]).complete

    login = login_of(pipeline)
    pipeline.sandbox.control.reset_calls()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(fetch, range(2))) == [True, True]
    [_, authorization] = pipeline.sandbox.control.authorizations()[-2:]
    assert authorization["refreshes"] == 1
    assert pipeline.objects("raw")


def test_a_list_that_the_login_cannot_read_stops_the_plan(
    pipeline: Pipeline, runtime_of: MakeRuntime
) -> None:
    pipeline.list_sources({"name": "mine", "kind": "saved_tracks"})
    with pytest.raises(PermissionDenied, match="no user is logged in"):
        plan(runtime_of(None), DAY)
    with pytest.raises(PermissionDenied, match="needs the scope user-library-read"):
        plan(runtime_of(login_of(pipeline, (Scope.TOP,))), DAY)
    assert pipeline.sandbox.control.calls().api_total == 0


def test_without_a_connection_the_command_line_s_login_is_used(
    pipeline: Pipeline, runtime_of: MakeRuntime
) -> None:
    runtime = runtime_of(None)
    with pytest.raises(ConfigurationError, match="no user is logged in"):
        runtime.spotify_user()
    FileLoginStore(runtime.settings.login_file).write(login_of(pipeline))
    with runtime_of(None).spotify_user() as client:
        assert client.get("/me").document["id"] == "listener1"


def test_a_login_of_another_app_is_ignored(
    pipeline: Pipeline, runtime_of: MakeRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.list_sources({"name": "mine", "kind": "saved_tracks"})
    runtime = runtime_of(replace(login_of(pipeline), client_id="another-app"))
    with caplog.at_level(logging.WARNING), pytest.raises(PermissionDenied, match="no user is logged in"):
        plan(runtime, DAY)
    assert "was made with another app" in caplog.text
    assert runtime.user() is None


def test_a_named_lock_has_one_holder_at_a_time(pipeline: Pipeline) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def hold(_: int) -> None:
        nonlocal inside, most
        with named_lock(pipeline.runtime.ingest, "login x"):
            with guard:
                inside += 1
                most = max(most, inside)
            with named_lock(pipeline.runtime.ingest, f"login {threading.get_ident()}"), guard:
                inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hold, range(8)))
    assert (inside, most) == (0, 1)
    unreachable = replace(pipeline.runtime.ingest, port=1)
    with pytest.raises(WarehouseUnavailable), named_lock(unreachable, "login x"):
        pass


@pytest.mark.slow
def test_an_album_that_always_fails_makes_its_source_partial(pipeline: Pipeline) -> None:
    assert pipeline.fetch("first").complete
    album = next(key for key in pipeline.objects("raw") if "/album-" in key)
    manifest = read_manifest(pipeline.lake, DAY, "first")
    assert manifest is not None
    bad = next(raw.path for raw in manifest.objects if raw.key == album)
    pipeline.sandbox.control.add_fault("status", status=500, path=f"{bad}$", times=None)
    pipeline.go_to(date(2026, 11, 23))
    for tries_left in (True, False):
        if tries_left:
            with pytest.raises(ApiUnavailable, match=bad):
                pipeline.fetch("first", date(2026, 11, 23))
        else:
            outcome = pipeline.fetch("first", date(2026, 11, 23), tries_left=False)
            assert not outcome.complete
            assert bad in str(outcome.message)
            assert outcome.objects > 1
        stored = read_manifest(pipeline.lake, date(2026, 11, 23), "first")
        assert stored is not None
        assert (stored.complete, bad in str(stored.stopped_by)) == (False, True)
