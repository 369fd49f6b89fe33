"""Tests the cool-down gate, the pacer and the call budget, with a clock that only sleep advances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spotify_pipeline.buckets import TOTAL
from spotify_pipeline.errors import CallBudgetSpent, RateLimited
from spotify_pipeline.spotify.limits import MemoryCallBudget, MemoryCooldownGate, RollingWindowPacer

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    """A monotonic clock that only sleep advances."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds


def test_only_one_bucket_is_closed_until_its_deadline() -> None:
    gate = MemoryCooldownGate()
    gate.close("GET /search", NOW + HOUR, "QUOTA_EXCEEDED")
    with pytest.raises(
        RateLimited, match=r"GET /search \(QUOTA_EXCEEDED\) until 2026-11-22 07:00:00 UTC"
    ) as closed:
        gate.check("GET /search", NOW + HOUR - timedelta(seconds=1))
    assert (closed.value.bucket, closed.value.deadline) == ("GET /search", NOW + HOUR)
    assert closed.value.reason == "QUOTA_EXCEEDED"
    gate.check("GET /search", NOW + HOUR)
    gate.check("GET /albums/{id}", NOW)


def test_the_later_deadline_counts() -> None:
    gate = MemoryCooldownGate()
    gate.close("b", NOW + 2 * HOUR, None)
    gate.close("b", NOW + HOUR, None)
    with pytest.raises(RateLimited) as closed:
        gate.check("b", NOW + HOUR)
    assert closed.value.deadline == NOW + 2 * HOUR


def test_no_window_holds_more_calls_than_allowed() -> None:
    clock = Clock()
    pacer = RollingWindowPacer(3, window=30, sleep=clock.sleep, clock=clock)
    taken = []
    for _ in range(10):
        pacer.acquire("b")
        taken.append(clock.seconds)
    for start in taken:
        assert len([moment for moment in taken if start <= moment < start + 30]) <= 3
    assert taken[-1] - taken[0] == pytest.approx(90)


def test_an_unlimited_pacer_waits_only_for_a_pause() -> None:
    clock = Clock()
    pacer = RollingWindowPacer(None, sleep=clock.sleep, clock=clock)
    for _ in range(100):
        pacer.acquire("b")
    assert clock.sleeps == []
    pacer.pause(7)
    pacer.pause(2)
    pacer.acquire("other")
    assert clock.sleeps == [7]


def test_a_budget_counts_a_bucket_and_all_of_them() -> None:
    budget = MemoryCallBudget({"GET /search": 2, TOTAL: 3})
    budget.spend("GET /search")
    budget.spend("GET /search")
    with pytest.raises(CallBudgetSpent, match="budget of 2 calls to GET /search is spent") as spent:
        budget.spend("GET /search")
    assert spent.value.bucket == "GET /search"
    budget.spend("GET /albums/{id}")
    with pytest.raises(CallBudgetSpent, match="budget of 3 calls in all is spent"):
        budget.spend("GET /albums/{id}")


def test_without_a_budget_every_call_is_allowed() -> None:
    budget = MemoryCallBudget()
    for _ in range(1000):
        budget.spend("GET /search")
