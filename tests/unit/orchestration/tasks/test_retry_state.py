"""Tests that a retry for one source of a group does not repeat the other sources."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from spotify_pipeline.errors import ApiUnavailable, PermissionDenied
from spotify_pipeline.orchestration.tasks.retry_state import RetryState
from spotify_pipeline.stages.group import SourceState, for_each


class Store:
    """Airflow's state store of one task instance."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = value


def attempt(store: Store, series: int, results: dict[str, Any], worked_on: list[str]) -> list[SourceState]:
    """Run one try over the sources; a result is a status, or an error to raise."""

    def work(state: SourceState) -> SourceState:
        worked_on.append(state.source)
        result = results[state.source]
        if isinstance(result, Exception):
            raise result
        return SourceState(state.source, result)

    state = RetryState({"task_state_store": store, "ti": SimpleNamespace(max_tries=series)})
    with state.kept_for_a_retry():
        return for_each(map(SourceState, results), state.once(work), tries_left=True)


def test_a_retry_repeats_only_unfinished_sources() -> None:
    store, worked_on = Store(), list[str]()
    results: dict[str, Any] = {
        "refused": PermissionDenied("not yours"),
        "whole": "complete",
        "cut": "partial",
        "away": ApiUnavailable("later"),
    }
    with pytest.raises(ApiUnavailable):
        attempt(store, 5, results, worked_on)
    assert worked_on == ["refused", "whole", "cut", "away"]
    worked_on.clear()
    states = attempt(store, 5, results | {"cut": "complete", "away": "complete"}, worked_on)
    assert worked_on == ["cut", "away"]
    assert [(state.source, state.status) for state in states] == [
        ("refused", "failed"),
        ("whole", "complete"),
        ("cut", "complete"),
        ("away", "complete"),
    ]
    assert states[0].message == "not yours"


def test_a_cleared_task_starts_from_the_beginning() -> None:
    store, worked_on = Store(), list[str]()
    results: dict[str, Any] = {"refused": PermissionDenied("not yours"), "away": ApiUnavailable("later")}
    with pytest.raises(ApiUnavailable):
        attempt(store, 5, results, worked_on)
    worked_on.clear()
    states = attempt(store, 7, dict.fromkeys(results, "complete"), worked_on)
    assert worked_on == ["refused", "away"]
    assert {state.status for state in states} == {"complete"}


def test_nothing_is_stored_without_a_retry() -> None:
    store = Store()
    attempt(store, 5, {"whole": "complete", "refused": PermissionDenied("not yours")}, [])
    assert store.kept == {}
