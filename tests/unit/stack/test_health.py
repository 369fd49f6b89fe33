"""Tests waiting for a check to pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spotify_stack.health import NotReady, wait_until


def failing(times: int) -> tuple[list[int], Callable[[], None]]:
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) <= times:
            raise NotReady(f"attempt {len(calls)}")

    return calls, check


def test_waits_until_the_check_passes() -> None:
    calls, check = failing(3)
    assert wait_until(check, timeout=5, what="it", poll=0.001) < 5
    assert len(calls) == 4


def test_the_error_names_the_thing_and_the_last_cause() -> None:
    _, check = failing(10_000)
    with pytest.raises(NotReady, match=r"^the lake is not ready after 0 s: attempt \d+$"):
        wait_until(check, timeout=0.02, what="the lake", poll=0.001)


def test_a_reason_to_give_up_ends_the_wait_immediately() -> None:
    calls, check = failing(10_000)
    with pytest.raises(NotReady, match="the lake did not start: its process ended"):
        wait_until(check, timeout=60, what="the lake", given_up=lambda: "its process ended")
    assert len(calls) == 1


def test_other_errors_end_the_wait() -> None:
    def check() -> None:
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake of ours"):
        wait_until(check, timeout=60, what="it")
