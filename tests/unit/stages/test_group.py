"""Tests that a source that fails does not stop the others of its group."""

from __future__ import annotations

import pytest

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.errors import ApiUnavailable, NotFound, TransientError
from spotify_pipeline.stages.group import SourceState, for_each

STATES = [SourceState("a"), SourceState("b"), SourceState("c", "failed", "earlier")]


def failing(name: str, error: Exception):  # type: ignore[no-untyped-def]
    def work(state: SourceState) -> SourceState:
        if state.source == name:
            raise error
        return state

    return work


def test_a_terminal_error_fails_only_its_source() -> None:
    results = for_each(STATES, failing("a", NotFound("no a")), tries_left=True)
    assert [(s.source, s.status, s.message) for s in results] == [
        ("a", "failed", "no a"),
        ("b", "complete", None),
        ("c", "failed", "earlier"),
    ]


def test_a_transient_error_is_raised_after_the_other_sources() -> None:
    done = []

    def work(state: SourceState) -> SourceState:
        if state.source == "a":
            raise ApiUnavailable("later")
        done.append(state.source)
        return state

    with pytest.raises(ApiUnavailable):
        for_each(STATES, work, tries_left=True)
    assert done == ["b"]


def test_a_transient_error_on_the_last_try_fails_its_source() -> None:
    results = for_each(STATES, failing("b", TransientError("still away")), tries_left=False)
    assert [s.status for s in results] == ["complete", "failed", "failed"]


def test_a_group_without_a_working_source_fails_its_task() -> None:
    with pytest.raises(NotFound, match="no a"):
        for_each([STATES[0], STATES[2]], failing("a", NotFound("no a")), tries_left=True)


def test_a_group_that_had_failed_before_does_not_fail_again() -> None:
    assert for_each([STATES[2]], failing("x", NotFound("")), tries_left=True) == [STATES[2]]


def test_an_error_outside_the_pipeline_s_tree_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        for_each(STATES, failing("b", ZeroDivisionError()), tries_left=False)


def test_a_state_can_be_converted_to_plain_values() -> None:
    state = SourceState("a", "partial", "why", {"track": KindCounts(5, 3, 1, 1, 0)})
    assert SourceState.from_dict(state.to_dict()) == state


def test_whether_counts_add_up() -> None:
    assert KindCounts(5, 3, 1, 1, 0).adds_up
    assert not KindCounts(5, 3, 1, 0, 0).adds_up
