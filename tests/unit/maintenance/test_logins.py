"""Tests that the tokens of an erased user are deleted, in files and in Airflow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from spotify_pipeline.connections import SPOTIFY_USER, token_variable, user_connection
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.maintenance.logins import forget_logins
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileLoginStore, FileState

HASH, OTHER = "0123456789abcdef", "f" * 16


class Airflow:
    """An Airflow with the variable of a connection; it records its calls."""

    def __init__(self, value: str | None, *, connection: str = SPOTIFY_USER, deletes: bool = True) -> None:
        self.value = value
        self.variable = token_variable(connection)
        self.deletes = deletes
        self.calls: list[str] = []

    def __call__(self, arguments: Sequence[str]) -> str | None:
        self.calls.append(arguments[1])
        assert arguments[0] == "variables"
        if arguments[1] == "list":
            return f"key\n===\nmy_token\n{self.variable}\n"
        assert arguments[2] == self.variable
        return self.value if arguments[1] == "get" or self.deletes else None


def login(user_hash: str) -> Login:
    return Login("client", "refresh-token", user_hash, (), date(2026, 11, 1))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    FileLoginStore(tmp_path / "login.json").write(login(HASH))
    FileState(tmp_path / f"connection-{HASH}.json").write(login(HASH).to_json())
    FileState(tmp_path / f"connection-{OTHER}.json").write(login(OTHER).to_json())
    return Settings(login_file=tmp_path / "login.json")


def files(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.login_file.parent.glob("*.json"))


def test_only_the_logins_of_the_user_are_deleted(settings: Settings) -> None:
    airflow = Airflow("[warning] a line of log\n" + login(HASH).to_json())
    assert forget_logins(settings, airflow, HASH, False) == {"login files": 2, "Airflow variables": 1}
    assert files(settings) == [f"connection-{OTHER}.json"]
    assert airflow.calls == ["list", "get", "delete"]
    again = forget_logins(settings, Airflow(None), HASH, False)
    assert again == {"login files": 0, "Airflow variables": 0}


def test_a_dry_run_only_counts(settings: Settings) -> None:
    before, airflow = files(settings), Airflow(login(HASH).to_json())
    assert forget_logins(settings, airflow, HASH, True) == {"login files": 2, "Airflow variables": 1}
    assert (files(settings), airflow.calls) == (before, ["list", "get"])


@pytest.mark.parametrize("value", [None, "no login", "{}", login(OTHER).to_json()])
def test_a_variable_of_another_user_is_kept(settings: Settings, value: str | None) -> None:
    airflow = Airflow(value)
    assert forget_logins(settings, airflow, HASH, False)["Airflow variables"] == 0
    assert airflow.calls == ["list", "get"]


def test_a_file_of_another_user_is_kept(settings: Settings) -> None:
    assert forget_logins(settings, None, OTHER, False)["login files"] == 1
    assert files(settings) == [f"connection-{HASH}.json", "login.json"]


def test_a_variable_that_cannot_be_deleted_is_an_error(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="Admin → Variables"):
        forget_logins(settings, Airflow(login(HASH).to_json(), deletes=False), HASH, False)


def test_the_logins_of_a_named_user_are_deleted(settings: Settings) -> None:
    for name, user in (("anna", OTHER), ("ben", HASH)):
        FileLoginStore(settings.login_file_of(name)).write(login(user))
    airflow = Airflow(login(OTHER).to_json(), connection=user_connection("anna"))
    assert forget_logins(settings, airflow, OTHER, False) == {"login files": 2, "Airflow variables": 1}
    assert files(settings) == [f"connection-{HASH}.json", "login-ben.json", "login.json"]
