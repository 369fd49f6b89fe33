"""Tests when plays may have been lost between two reads of a listening history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spotify_pipeline.spotify.result import unix_ms
from spotify_pipeline.stages.plays import is_listening, possible_gap

KNOWN = datetime(2026, 11, 22, 6, tzinfo=UTC)


def read(first: datetime, plays: int = 50) -> list[datetime]:
    return [first + timedelta(minutes=3 * n) for n in range(plays)]


@pytest.mark.parametrize("plays", [50, 43, 1])
def test_a_read_that_does_not_reach_the_last_play_is_a_gap(plays: int) -> None:
    oldest = KNOWN + timedelta(milliseconds=1)
    gap = possible_gap(unix_ms(KNOWN), read(oldest, plays))
    assert gap is not None
    assert (gap.start, gap.end) == (KNOWN, oldest)


def test_a_read_that_reaches_the_last_play_is_no_gap() -> None:
    assert possible_gap(unix_ms(KNOWN), read(KNOWN)) is None
    assert possible_gap(unix_ms(KNOWN), read(KNOWN - timedelta(minutes=5))) is None


def test_the_first_read_is_no_gap() -> None:
    assert possible_gap(None, read(KNOWN)) is None


def test_a_read_without_valid_plays_is_no_gap() -> None:
    assert possible_gap(unix_ms(KNOWN), []) is None


def test_only_the_hourly_sources_are_listening() -> None:
    assert is_listening("_listening-06")
    assert not is_listening("listening-06")
    assert not is_listening("_details")
