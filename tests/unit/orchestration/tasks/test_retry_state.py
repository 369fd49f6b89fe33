"""A retry for one source of a group asks no other again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from spotify_pipeline.errors import ApiUnavailable, PermissionDenied
from spotify_pipeline.orchestration.tasks.retry_state import SettledSources
from spotify_pipeline.stages.group import SourceState, for_each


class Store:
    """Airflow's state store of one task instance."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = value


def attempt(store: Store, series: int, answers: dict[str, Any], asked: list[str]) -> list[SourceState]:
    """One try over the sources; an answer is a status, or an error to raise."""

    def work(state: SourceState) -> SourceState:
        asked.append(state.source)
        answer = answers[state.source]
        if isinstance(answer, Exception):
            raise answer
        return SourceState(state.source, answer)

    settled = SettledSources({"task_state_store": store, "ti": SimpleNamespace(max_tries=series)})
    with settled.kept_for_a_retry():
        return for_each(map(SourceState, answers), settled.once(work), tries_left=True)


def test_a_retry_asks_only_what_is_not_settled() -> None:
    store, asked = Store(), list[str]()
    answers: dict[str, Any] = {
        "refused": PermissionDenied("not yours"),
        "whole": "complete",
        "cut": "partial",
        "away": ApiUnavailable("later"),
    }
    with pytest.raises(ApiUnavailable):
        attempt(store, 5, answers, asked)
    assert asked == ["refused", "whole", "cut", "away"]
    asked.clear()
    states = attempt(store, 5, answers | {"cut": "complete", "away": "complete"}, asked)
    assert asked == ["cut", "away"]
    assert [(state.source, state.status) for state in states] == [
        ("refused", "failed"),
        ("whole", "complete"),
        ("cut", "complete"),
        ("away", "complete"),
    ]
    assert states[0].message == "not yours"


def test_a_task_that_is_cleared_begins_anew() -> None:
    store, asked = Store(), list[str]()
    answers: dict[str, Any] = {"refused": PermissionDenied("not yours"), "away": ApiUnavailable("later")}
    with pytest.raises(ApiUnavailable):
        attempt(store, 5, answers, asked)
    asked.clear()
    states = attempt(store, 7, dict.fromkeys(answers, "complete"), asked)
    assert asked == ["refused", "away"]
    assert {state.status for state in states} == {"complete"}


def test_nothing_is_written_where_nothing_is_tried_again() -> None:
    store = Store()
    attempt(store, 5, {"whole": "complete", "refused": PermissionDenied("not yours")}, [])
    assert store.kept == {}
