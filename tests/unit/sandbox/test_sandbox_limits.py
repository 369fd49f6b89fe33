"""Rate limit and quota by count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.errors import ApiError
from spotify_sandbox.limits import Limiter, LimitSettings

START = datetime(2026, 11, 22, 6, tzinfo=UTC)
ALBUMS, ARTIST = "/v1/artists/aaa/albums", "/v1/artists/aaa"
BUCKET = "/v1/artists/{id}/albums"


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(START, frozen=True)


def ask(limiter: Limiter, path: str = ARTIST) -> tuple[int, str | None] | None:
    """(Retry-After, reason) of a refusal, None when admitted."""
    try:
        limiter.admit(path)
    except ApiError as error:
        return (int(error.headers["Retry-After"]), error.reason) if error.status == 429 else None
    return None


def test_without_settings_everything_passes(clock: SandboxClock) -> None:
    limiter = Limiter(clock)
    assert [ask(limiter) for _ in range(1_000)] == [None] * 1_000


def test_the_window_rolls(clock: SandboxClock) -> None:
    limiter = Limiter(clock, LimitSettings(rate=3))
    for second in (0, 10, 20):
        clock.set(START + timedelta(seconds=second))
        assert ask(limiter) is None
    clock.set(START + timedelta(seconds=29))
    assert ask(limiter, ALBUMS) == (1, None)
    clock.set(START + timedelta(seconds=30))
    assert ask(limiter, ALBUMS) is None
    assert ask(limiter) == (10, None)
    clock.set(START + timedelta(seconds=40))
    assert ask(limiter) is None
    assert limiter.state()["refused"] == {BUCKET: 1, "/v1/artists/{id}": 1}


def test_waiting_as_told_is_enough(clock: SandboxClock) -> None:
    limiter = Limiter(clock, LimitSettings(rate=5))
    admitted, now = 0, START
    while admitted < 40:
        clock.set(now)
        refused = ask(limiter)
        if refused:
            now += timedelta(seconds=refused[0])
            clock.set(now)
            assert ask(limiter) is None
        admitted += 1
    assert now - START <= timedelta(seconds=30 * 8)


def test_early_retries_lengthen_the_wait_when_set_so(clock: SandboxClock) -> None:
    limiter = Limiter(clock, LimitSettings(rate=1, penalty=5))
    assert ask(limiter) is None
    assert [ask(limiter) for _ in range(3)] == [(30, None), (35, None), (40, None)]
    clock.set(START + timedelta(seconds=40))
    assert ask(limiter) is None


def test_a_quota_holds_for_its_own_bucket_until_its_window_ends(clock: SandboxClock) -> None:
    limiter = Limiter(clock, LimitSettings(quotas={BUCKET: 2}))
    assert [ask(limiter, ALBUMS) for _ in range(2)] == [None, None]
    clock.set(START + timedelta(seconds=193))
    assert ask(limiter, ALBUMS) == (86_207, "QUOTA_EXCEEDED")
    assert ask(limiter, ARTIST) is None
    assert limiter.state()["used"] == {BUCKET: 2}
    clock.set(START + timedelta(days=1))
    assert limiter.state()["used"] == {}
    assert ask(limiter, "/v1/artists/bbb/albums") is None


def test_the_first_refusal_of_a_quota_is_not_lengthened_the_next_are(clock: SandboxClock) -> None:
    limiter = Limiter(clock, LimitSettings(quotas={BUCKET: 0}, quota_window=100, penalty=10))
    reason = "QUOTA_EXCEEDED"
    assert [ask(limiter, ALBUMS) for _ in range(3)] == [(100, reason), (110, reason), (120, reason)]
    # a wait kept to is not punished, nor is the first refusal of the next window
    clock.set(START + timedelta(seconds=120))
    assert ask(limiter, ALBUMS) == (100, reason)


def test_a_clock_put_back_begins_anew(clock: SandboxClock) -> None:
    limiter = Limiter(clock, LimitSettings(rate=1, quotas={BUCKET: 1}))
    assert ask(limiter, ALBUMS) is None
    clock.set(START - timedelta(days=5))
    assert ask(limiter, ALBUMS) is None


def test_a_reset_forgets_the_counts_and_keeps_the_settings(clock: SandboxClock) -> None:
    limiter = Limiter(clock, LimitSettings(rate=1))
    assert [ask(limiter), ask(limiter)] == [None, (30, None)]
    limiter.reset()
    assert [ask(limiter), ask(limiter)] == [None, (30, None)]
    limiter.reset(LimitSettings())
    assert [ask(limiter), ask(limiter)] == [None, None]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quotas": {"artists": 5}}, "'artists' is no bucket"),
        ({"quotas": {BUCKET: -1}}, "below 0"),
        ({"rate": 0}, "rate 0 is below 1"),
        ({"penalty": -2.5}, "penalty -2.5 is below 0"),
        ({"quota_window": -1}, "quota_window -1 is below 0"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LimitSettings(**settings)
