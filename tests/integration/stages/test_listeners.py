"""Tests that listeners have separate logins, cursors and data, and do not stop each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from spotify_pipeline.connections import ConnectionInfo, user_connection
from spotify_pipeline.errors import AuthenticationError, UserErased
from spotify_pipeline.maintenance.erase import erase_user
from spotify_pipeline.stages.listening import listeners, reason_not_read
from spotify_pipeline.stages.plan import plan, register
from spotify_pipeline.stages.reconcile import reconcile
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.cooldown import WarehouseCooldownGate
from spotify_sandbox.testing import RunningSandbox, running
from tests.accounts import user_hash
from tests.integration.pipeline import DAY, NEXT_DAY, Pipeline, connected, listen, logged_in

pytestmark = pytest.mark.integration
NAMES = ["anna", "ben", "carl", "dora", "emil", "frida", "gus", "hana", "ivan", "jo"]
ACCOUNTS = {name: f"listener{number}" for number, name in enumerate(NAMES, start=1)}
HASHES = {name: user_hash(account) for name, account in ACCOUNTS.items()}


@pytest.fixture(scope="module")
def ten_user_sandbox() -> Iterator[RunningSandbox]:
    with running(size=200, arguments=["--users", str(len(NAMES))]) as sandbox:
        yield sandbox


@pytest.fixture
def ten_listeners(pipeline: Pipeline, ten_user_sandbox: RunningSandbox) -> Pipeline:
    """A pipeline with ten listeners, each with a library and a listening history."""
    ten_user_sandbox.control.set_clock(f"{DAY}T06:00:00Z")
    ten_user_sandbox.control.reset_users()
    found = connected(pipeline, ten_user_sandbox)
    for name, account in ACCOUNTS.items():
        found = logged_in(found, user=account, name=name)
    found.list_sources(*({"name": f"saved-{name}", "kind": "saved_tracks", "user": name} for name in NAMES))
    return found


def tables_of(pipeline: Pipeline, name: str) -> list[list[tuple[object, ...]]]:
    """Return all rows of a listener, without load numbers."""
    own = f"user_hash = '{HASHES[name]}'"
    return [
        pipeline.query(f"SELECT track_id, added_at FROM staging.saved_tracks WHERE {own} ORDER BY 1"),
        pipeline.query(f"SELECT played_at, track_id FROM staging.plays WHERE {own} ORDER BY 1, 2"),
        pipeline.query(f"SELECT after_ms FROM ops.play_cursor WHERE {own}"),
    ]


@pytest.mark.slow
def test_each_of_ten_listeners_is_read_with_their_own_login(ten_listeners: Pipeline) -> None:
    verdict = ten_listeners.run()
    assert verdict.complete == sorted(f"saved-{name}" for name in NAMES)
    assert listeners(ten_listeners.runtime) == [None, *sorted(NAMES)]
    readings = {name: listen(ten_listeners, name) for name in NAMES}
    assert len({reading.source for reading in readings.values()}) == len(NAMES)
    for name in NAMES:
        saved, plays, cursor = tables_of(ten_listeners, name)
        assert saved
        assert plays
        assert len(cursor) == 1
    who = ten_listeners.query('SELECT user_hash, connection FROM ops."user" ORDER BY connection')
    assert who == [(HASHES[name], user_connection(name)) for name in sorted(NAMES)]
    # a second reading in the same hour makes no call for a history
    ten_listeners.sandbox.control.reset_calls()
    for name in NAMES:
        listen(ten_listeners, name)
    assert "/v1/me/player/recently-played" not in ten_listeners.sandbox.control.calls().by_bucket


@pytest.mark.slow
def test_a_login_that_fails_does_not_stop_other_listeners(ten_listeners: Pipeline) -> None:
    ten_listeners.sandbox.control.revoke_authorizations(ACCOUNTS["ben"])
    planned = plan(ten_listeners.runtime, DAY)
    names = sorted(name for group in planned.groups for name in group.sources)
    assert names == sorted(f"saved-{name}" for name in NAMES)
    states = []
    for name in names:
        if name == "saved-ben":
            with pytest.raises(AuthenticationError, match="auth login --user ben.*'spotify_user_ben'"):
                ten_listeners.fetch(name)
            continue
        ten_listeners.fetch(name)
        ten_listeners.validate(name)
        states.append(ten_listeners.load(name))
    register(ten_listeners.runtime, planned)
    assert len(reconcile(ten_listeners.runtime, DAY, names, states).complete) == len(NAMES) - 1
    assert tables_of(ten_listeners, "anna")[0]


@pytest.mark.slow
def test_an_erasure_does_not_change_other_listeners(ten_listeners: Pipeline) -> None:
    ten_listeners.run()
    for name in NAMES:
        listen(ten_listeners, name)
    others = {name: tables_of(ten_listeners, name) for name in NAMES if name != "dora"}
    erase_user(ten_listeners.runtime, HASHES["dora"], lambda _user, _dry: {})
    assert tables_of(ten_listeners, "dora") == [[], [], []]
    assert {name: tables_of(ten_listeners, name) for name in others} == others
    ten_listeners.go_to(NEXT_DAY)
    after = replace(ten_listeners, runtime=replace(ten_listeners.runtime))
    reason = reason_not_read(after.runtime, "dora")
    assert "of connection 'spotify_user_dora' was erased" in str(reason)
    assert "saved-dora" in {name for group in plan(after.runtime, NEXT_DAY).groups for name in group.sources}
    with pytest.raises(UserErased):
        after.fetch("saved-dora", NEXT_DAY)
    assert after.fetch("saved-anna", NEXT_DAY).complete


def test_cool_downs_of_another_app_s_listener_are_separate(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = logged_in(pipeline, user="listener2", name="anna")
    known, lookup = found.runtime.lookup("spotify_user_anna"), found.runtime.lookup
    accounts: list[str] = []

    def gate(info: ConnectionInfo, account: str) -> WarehouseCooldownGate:
        accounts.append(account)
        return WarehouseCooldownGate(info, account)

    monkeypatch.setattr("spotify_pipeline.stages.runtime.WarehouseCooldownGate", gate)

    def runtime_of(extra: dict[str, object]) -> Runtime:
        other = replace(known, login="another-app", extra={**known.extra, **extra})
        return replace(
            found.runtime,
            lookup=lambda conn_id: other if conn_id == other.conn_id else lookup(conn_id),
        )

    assert runtime_of({}).login("anna") is None
    with runtime_of({"other_app": True}).spotify_user("anna"), found.runtime.spotify_user("anna"):
        assert accounts == ["another-app", pipeline.sandbox.client_id]
