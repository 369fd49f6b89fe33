"""When plays may have been lost between two reads of a listening history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from spotify_pipeline.spotify.result import unix_ms
from spotify_pipeline.spotify.walks import PLAYS_KEPT
from spotify_pipeline.stages.plays import OVERLAP_MS, is_listening, possible_gap

KNOWN = datetime(2026, 11, 22, 6, tzinfo=UTC)
ASKED = unix_ms(KNOWN) - OVERLAP_MS


def full(first: datetime) -> list[datetime]:
    return [first + timedelta(minutes=3 * n) for n in range(PLAYS_KEPT)]


def test_a_full_read_that_does_not_reach_back_to_the_last_known_play_is_a_possible_gap() -> None:
    oldest = KNOWN + timedelta(milliseconds=1)
    gap = possible_gap(ASKED, PLAYS_KEPT, full(oldest))
    assert gap is not None
    assert (gap.start, gap.end) == (KNOWN, oldest)


def test_a_full_read_that_reaches_back_to_it_is_none() -> None:
    assert possible_gap(ASKED, PLAYS_KEPT, full(KNOWN)) is None
    assert possible_gap(ASKED, PLAYS_KEPT, full(KNOWN - timedelta(minutes=5))) is None


def test_a_read_that_is_not_full_had_room_for_all() -> None:
    assert possible_gap(ASKED, PLAYS_KEPT - 1, full(KNOWN + timedelta(hours=1))[:-1]) is None


def test_the_first_read_has_nothing_to_be_a_gap_after() -> None:
    assert possible_gap(None, PLAYS_KEPT, full(KNOWN)) is None


def test_a_read_of_nothing_but_broken_plays_says_nothing() -> None:
    assert possible_gap(ASKED, PLAYS_KEPT, []) is None


def test_only_the_hourly_sources_are_listening() -> None:
    assert is_listening("_listening-06")
    assert not is_listening("listening-06")
    assert not is_listening("_details")
