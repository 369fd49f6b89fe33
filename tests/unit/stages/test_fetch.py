"""Tests which closed bucket a task waits for, and how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spotify_pipeline.stages.fetch import shortest_wait

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATE = NOON.replace(hour=23, minute=30)
TWO_HOURS = 7_200


@pytest.mark.parametrize(
    ("now", "seconds", "expected"),
    [
        (NOON, [90], 90),
        (NOON, [TWO_HOURS - 1], TWO_HOURS - 1),
        (NOON, [TWO_HOURS], None),
        (NOON, [86_400], None),
        # the bucket that opens first counts
        (NOON, [86_400, 600, 60], 60),
        (NOON, [-5], 0),
        (LATE, [1_799], 1_799),
        # after midnight the responses belong to another date
        (LATE, [1_800], None),
        (NOON, [], None),
    ],
)
def test_the_wait_ends_before_midnight_and_within_bounds(
    now: datetime, seconds: list[int], expected: int | None
) -> None:
    deadlines = [now + timedelta(seconds=s) for s in seconds]
    found = shortest_wait(deadlines, now, TWO_HOURS)
    assert found == (None if expected is None else timedelta(seconds=expected))


def test_a_limit_of_0_means_no_waiting() -> None:
    assert shortest_wait([NOON + timedelta(seconds=1)], NOON, 0) is None
