"""Tests the stored state of a stack: ports, secrets and options."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from spotify_pipeline.errors import ConfigurationError
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import SandboxOptions, StackState, create_or_load, load

pytestmark = pytest.mark.usefixtures("private_ports")


def create(paths: StackPaths) -> StackState:
    with PortReservation() as reservation:
        return create_or_load(paths, reservation)


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    return StackPaths(tmp_path / "stack")


def test_a_second_start_has_the_same_ports_and_secrets(paths: StackPaths) -> None:
    first = create(paths)
    assert create(paths) == first == load(paths)


def test_two_stacks_share_no_secret(paths: StackPaths, tmp_path: Path) -> None:
    one, other = create(paths), create(StackPaths(tmp_path / "other"))
    assert set(one.secrets.values()).isdisjoint(other.secrets.values())


def test_two_stacks_that_start_together_share_no_port(paths: StackPaths, tmp_path: Path) -> None:
    with PortReservation() as first, PortReservation() as second:
        one = create_or_load(paths, first)
        other = create_or_load(StackPaths(tmp_path / "other"), second)
    assert set(one.ports.values()).isdisjoint(other.ports.values())


def test_secrets_are_readable_by_the_owner_only(paths: StackPaths) -> None:
    create(paths)
    assert stat.S_IMODE(paths.secrets.stat().st_mode) == 0o600
    assert not list(paths.root.glob(".secrets*")), "no temporary copy is left"


def test_the_folder_is_closed_to_other_users(paths: StackPaths) -> None:
    paths.root.mkdir(mode=0o755, parents=True)
    create(paths)
    assert stat.S_IMODE(paths.root.stat().st_mode) == 0o700


def test_secrets_are_not_in_the_repr_of_a_state(paths: StackPaths) -> None:
    state = create(paths)
    assert not [secret for secret in state.secrets.values() if secret in repr(state)]


def test_only_a_port_in_use_is_replaced(paths: StackPaths) -> None:
    before = create(paths)
    with PortReservation() as somebody:
        somebody.choose(before.ports["airflow"])
        after = create(paths)
    assert after.ports["airflow"] != before.ports["airflow"]
    assert {**after.ports, "airflow": 0} == {**before.ports, "airflow": 0}


def test_a_new_secret_is_added_to_an_old_stack(paths: StackPaths) -> None:
    state = create(paths)
    kept = {name: value for name, value in state.secrets.items() if name != "airflow_jwt"}
    replace(state, secrets=kept).save()
    assert {**create(paths).secrets, "airflow_jwt": ""} == {**kept, "airflow_jwt": ""}


def test_the_fernet_key_is_valid(paths: StackPaths) -> None:
    assert Fernet(create(paths).secrets["airflow_fernet"])


def test_sandbox_options_and_own_app_are_stored(paths: StackPaths) -> None:
    options = SandboxOptions("extended", "/data/catalogue", "2021-03-18T06:00:00Z")
    create(paths).changed(sandbox=options, own_app='{"login": "id"}').save()
    assert (load(paths).sandbox, load(paths).own_app) == (options, '{"login": "id"}')


def test_a_change_without_options_changes_nothing(paths: StackPaths) -> None:
    state = create(paths).changed(sandbox=SandboxOptions("extended"), own_app="app")
    assert state.changed(sandbox=None, own_app=None) == state
    assert state.changed(sandbox=None, own_app="").own_app is None


def test_the_store_is_kept_and_an_unknown_one_is_refused(paths: StackPaths) -> None:
    assert create(paths).store == "seaweedfs"
    create(paths).changed(sandbox=None, own_app=None, store="minio").save()
    assert (load(paths).store, create(paths).store) == ("minio", "minio")
    with pytest.raises(ConfigurationError, match="store 's3' is unknown: choose seaweedfs or minio"):
        load(paths).changed(sandbox=None, own_app=None, store="s3")


def test_a_state_file_without_a_store_means_seaweedfs(paths: StackPaths) -> None:
    create(paths)
    kept = json.loads(paths.state.read_text())
    del kept["store"]
    paths.state.write_text(json.dumps(kept))
    assert load(paths).store == create(paths).store == "seaweedfs"


def test_an_unknown_class_of_app_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match="mode 'enterprise' is unknown: choose development or extended"
    ):
        SandboxOptions("enterprise")


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_file_is_named(paths: StackPaths, text: str) -> None:
    create(paths)
    paths.state.write_text(text)
    with pytest.raises(ConfigurationError, match=r"stack\.json cannot be read: remove it"):
        load(paths)


def test_without_a_stack_the_error_names_the_way_out(paths: StackPaths) -> None:
    with pytest.raises(ConfigurationError, match="there is no stack in .* 'make up'"):
        load(paths)


def test_a_stack_stores_the_date_of_its_creation(paths: StackPaths) -> None:
    made = create(paths)
    assert made.made_on == datetime.now(UTC).date().isoformat()
    replace(made, made_on="2026-01-31").save()
    assert create(paths).made_on == load(paths).made_on == "2026-01-31"
