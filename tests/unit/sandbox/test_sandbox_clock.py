"""Tests the sandbox's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spotify_sandbox.clock import SandboxClock, parse_instant

START = datetime(2026, 11, 22, 23, 59, 30, tzinfo=UTC)


def test_it_runs_from_the_time_that_was_set() -> None:
    clock = SandboxClock(START)
    first, second = clock.now(), clock.now()
    assert START <= first <= second < START + timedelta(minutes=1)


def test_a_frozen_clock_continues_from_the_same_time() -> None:
    clock = SandboxClock(START, frozen=True)
    assert clock.now() == clock.now() == START
    clock.set(frozen=False)
    assert not clock.frozen
    assert START <= clock.now() < START + timedelta(minutes=1)


def test_setting_it_keeps_it_frozen() -> None:
    clock = SandboxClock(START, frozen=True)
    clock.set(START + timedelta(days=1))
    assert clock.now() == START + timedelta(days=1)
    assert clock.today().isoformat() == "2026-11-23"


def test_the_format_of_its_http_date() -> None:
    assert SandboxClock(START, frozen=True).http_date() == "Sun, 22 Nov 2026 23:59:30 GMT"


@pytest.mark.parametrize("text", ["2026-11-22T06:00:00Z", "2026-11-22T06:00:00", "2026-11-22T07:00:00+01:00"])
def test_times_are_read_as_utc(text: str) -> None:
    assert parse_instant(text) == datetime(2026, 11, 22, 6, tzinfo=UTC)
