"""Tests the hourly fetch of several listeners: a failure of one does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.errors import AuthenticationError, ConfigurationError, SourcesFailed
from spotify_pipeline.orchestration.tasks import listening
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.listening import Reading

DAY = date(2026, 11, 22)


@pytest.fixture(autouse=True)
def stages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the stages; of the listeners anna, ben and carl, ben's login is refused and carl has none.

    Returns the list of loaded sources.
    """
    loaded: list[str] = []

    @contextmanager
    def running() -> Iterator[Any]:
        yield SimpleNamespace(lookup=lambda _: None, lake=None)

    def fetch_plays(_runtime: Any, name: str | None) -> Reading:
        if name == "ben":
            raise AuthenticationError("Spotify no longer accepts the login")
        return Reading(DAY, f"_listening-06-{name}")

    def load_plays(_runtime: Any, reading: Reading) -> SourceState:
        loaded.append(reading.source)
        return SourceState(reading.source)

    monkeypatch.setattr(listening, "running", running)
    monkeypatch.setattr(listening, "tries_are_left", lambda: False)
    monkeypatch.setattr(listening, "with_alerts", lambda work, tries_left: work)
    monkeypatch.setattr(listening, "listeners", lambda _: ["anna", "ben", "carl"])
    monkeypatch.setattr(listening, "reason_not_read", lambda _, name: "no login" if name == "carl" else None)
    monkeypatch.setattr(listening, "fetch_plays", fetch_plays)
    monkeypatch.setattr(listening, "load_plays", load_plays)
    for name in ("migrate", "notify_gaps", "notify_logins", "validate_source"):
        monkeypatch.setattr(listening, name, lambda *_: None)
    for name in ("fetched", "validated", "loaded"):
        monkeypatch.setattr(listening.lineage, name, lambda *_: None)
    return loaded


def test_a_refused_login_fails_the_run_after_the_others(stages: list[str]) -> None:
    readings = listening.validate(listening.fetch())
    assert [state["source"] for state in readings["states"]] == ["_listening-06-anna", "spotify_user_ben"]
    with pytest.raises(
        SourcesFailed, match="1 of 2 listening histories failed: spotify_user_ben: Spotify no"
    ):
        listening.load(readings)
    assert stages == ["_listening-06-anna"]


def test_without_any_login_the_run_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "reason_not_read", lambda _, name: f"{name} is not logged in")
    with pytest.raises(AirflowSkipException, match="anna is not logged in; ben is not logged in"):
        listening.fetch()


def test_an_unreadable_login_stops_no_other(stages: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def reason_not_read(_runtime: Any, name: str | None) -> str | None:
        if name == "ben":
            raise ConfigurationError("connection 'spotify_user_ben' has no password")
        return None

    monkeypatch.setattr(listening, "reason_not_read", reason_not_read)
    with pytest.raises(SourcesFailed, match="1 of 3"):
        listening.load(listening.validate(listening.fetch()))
    assert stages == ["_listening-06-anna", "_listening-06-carl"]
