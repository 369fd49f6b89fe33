"""Tests which user of the sandbox the stack reads after an erasure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.erasures import begin_erasure
from spotify_stack import airflow_environment, bootstrap
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import SandboxOptions, StackState, create_or_load, load
from tests.accounts import ACCOUNT_KEY, user_hash
from tests.integration.databases import PASSWORDS
from tests.integration.pipeline import Pipeline

pytestmark = pytest.mark.integration


@pytest.fixture
def state(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackState:
    """The state of a stack that uses the warehouse of the tests."""
    with PortReservation() as reservation:
        created = create_or_load(StackPaths(tmp_path / "stack"), reservation)
    owner = pipeline.runtime.lookup(WAREHOUSE_OWNER)
    monkeypatch.setattr(airflow_environment, "WAREHOUSE_DATABASE", owner.schema)
    secrets = dict(created.secrets) | {
        "warehouse_owner": PASSWORDS["spotify_owner"],
        "spotify_account_key": ACCOUNT_KEY.secret,
    }
    return replace(created, ports=dict(created.ports) | {"warehouse": owner.port or 0}, secrets=secrets)


def erase(pipeline: Pipeline, user: str) -> None:
    with connect(pipeline.runtime.lookup(WAREHOUSE_OWNER)) as connection:
        begin_erasure(connection, user_hash(user))


def test_a_user_who_was_not_erased_is_kept(state: StackState) -> None:
    assert bootstrap.listener(state) == state


def test_the_next_user_replaces_erased_ones(pipeline: Pipeline, state: StackState) -> None:
    for number in range(1, 4):
        erase(pipeline, f"listener{number}")
    chosen = bootstrap.listener(state)
    assert chosen.sandbox_user == "listener4"
    assert load(state.paths).listener == 4, "the next start uses this user"
    connection = airflow_environment.connections(chosen)["spotify_user"]
    assert connection["extra"]["user_hash"] == user_hash("listener4")  # type: ignore[index]


def test_a_catalogue_folder_has_no_user(pipeline: Pipeline, state: StackState) -> None:
    erase(pipeline, "listener1")
    served = replace(state, sandbox=SandboxOptions(catalog="catalogue"))
    assert bootstrap.listener(served) == served
