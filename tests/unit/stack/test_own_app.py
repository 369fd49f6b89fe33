"""Tests that the demo's made-up data and the data of a user's own app are kept separate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spotify_pipeline.cli import main as cli
from spotify_pipeline.cli import stack as stack_command
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack import bootstrap
from spotify_stack.paths import FOLDER_VARIABLE, StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import create_or_load

APP = '{"login": "id"}'


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackPaths:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "stack"))
    return StackPaths.default()


def create(paths: StackPaths, own_app: str) -> None:
    with PortReservation() as reservation:
        create_or_load(paths, reservation).changed(sandbox=None, own_app=own_app).save()


def test_each_kind_of_data_has_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert StackPaths.default().root == PROJECT_ROOT / "build" / "stack"
    assert StackPaths.own().root == PROJECT_ROOT / "build" / "own"


@pytest.mark.parametrize(("before", "wanted"), [("", APP), (APP, "")])
def test_the_other_kind_of_data_is_refused(paths: StackPaths, before: str, wanted: str) -> None:
    create(paths, before)
    kept = paths.secrets.read_text()
    with pytest.raises(ConfigurationError, match=r"does not mix made-up and real data: .*'make reset'"):
        Stack(paths).up(Wanted(own_app=wanted))
    assert paths.secrets.read_text() == kept


def test_an_own_app_does_not_start_with_the_examples(
    paths: StackPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "LOCAL_SOURCES", tmp_path / "sources.local.yml")
    with pytest.raises(ConfigurationError, match=r"copy .*include/sources\.yml to sources\.local\.yml"):
        Stack(paths).up(Wanted(own_app=APP))
    assert not paths.exists()


def test_which_list_of_sources_is_used(
    paths: StackPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local, previous, chosen = (tmp_path / name for name in ("sources.local.yml", "previous", "chosen"))
    for file in (local, previous):
        file.touch()
    monkeypatch.setattr(bootstrap, "LOCAL_SOURCES", local)
    assert bootstrap.own_sources(paths, None) == local
    paths.root.mkdir()
    paths.sources.symlink_to(previous)
    assert bootstrap.own_sources(paths, None) == previous
    assert bootstrap.own_sources(paths, chosen) == chosen


def test_reset_deletes_the_folder_after_confirmation(paths: StackPaths) -> None:
    create(paths, "")
    command = cli.build(["reset"])
    assert CliRunner().invoke(command, ["reset"], input="n\n").exit_code == 1
    assert paths.exists()
    done = CliRunner().invoke(command, ["reset"], input="y\n")
    assert done.exit_code == 0, done.output
    assert not paths.root.exists()
    assert "There is no stack" in CliRunner().invoke(command, ["reset", "--yes"]).output


def test_up_without_options_starts_the_newest_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo, own = StackPaths(tmp_path / "demo"), StackPaths(tmp_path / "own")
    monkeypatch.setattr(StackPaths, "default", classmethod(lambda cls: demo))
    monkeypatch.setattr(StackPaths, "own", classmethod(lambda cls: own))
    assert stack_command.folder_of(None) == demo
    create(own, APP)
    assert stack_command.folder_of(None) == own
    create(demo, "")
    os.utime(own.state, (0, 0))
    assert stack_command.folder_of(None) == demo
    assert stack_command.folder_of(APP) == own
    monkeypatch.setattr(Stack, "state", lambda self: self.paths == own or None)
    with pytest.raises(ConfigurationError, match=r"a stack runs in .*own: stop it first"):
        stack_command.folder_of("")
