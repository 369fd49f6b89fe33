"""Tests `spotify-pipeline dbt`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spotify_pipeline.cli import dbt as dbt_command
from spotify_pipeline.cli import main as cli
from spotify_stack.dbt_manifest import DBT_PROJECT
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import StackState, create_or_load


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    with PortReservation() as reservation:
        return create_or_load(StackPaths(tmp_path / "stack"), reservation)


def test_dbt_gets_the_stack_s_login_and_writes_into_its_folder(state: StackState) -> None:
    given = dbt_command.environment(state)

    assert given["WAREHOUSE_USER"] == "spotify_dbt"
    assert given["WAREHOUSE_PORT"] == str(state.ports["warehouse"])
    assert given["DBT_ENV_SECRET_WAREHOUSE_PASSWORD"] == state.secrets["warehouse_dbt"]
    assert given["DBT_PROJECT_DIR"] == given["DBT_PROFILES_DIR"] == str(DBT_PROJECT)
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
        assert Path(given[name]).is_relative_to(state.paths.root)


def test_without_a_stack_it_prints_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StackPaths, "default", classmethod(lambda cls: cls(tmp_path / "none")))

    ended = CliRunner().invoke(cli.build(["dbt"]), ["dbt", "--", "ls"])

    assert ended.exit_code == 1
    assert "the stack is not running: 'make up' starts it" in ended.output


@pytest.mark.slow
def test_the_exit_status_is_dbt_s(state: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_command, "running_state", lambda: state)

    assert CliRunner().invoke(cli.build(["dbt"]), ["dbt", "--", "no-such-command"]).exit_code == 2
    assert CliRunner().invoke(cli.build(["dbt"]), ["dbt", "--", "--version"]).exit_code == 0
