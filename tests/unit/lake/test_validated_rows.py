"""Validated rows as lines, and reading ahead."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from spotify_pipeline.lake.validated_rows import ValidatedRow, read_ahead

ROW = ValidatedRow(
    kind="track",
    key="t" * 22,
    rank=1,
    observed_at=datetime(2026, 11, 22, 6, tzinfo=UTC),
    raw_key="raw/x",
    groups={"listing": {"name": "Ünï\u2028cödé\n", "artist_ids": ["a"], "album_id": None}},
)


def test_a_row_is_one_line_and_comes_back() -> None:
    line = ROW.to_line()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert ValidatedRow.from_line("track", line) == ROW


def test_a_stub_says_so() -> None:
    stub = ValidatedRow("artist", "a", 0, ROW.observed_at, "raw/x", {"listing": {"name": "y"}}, stub=True)
    assert ValidatedRow.from_line("artist", stub.to_line()).stub
    assert b"stub" not in ROW.to_line()


def test_the_order_is_time_then_rank_then_raw_key() -> None:
    later = ROW.observed_at.replace(hour=7)
    orders = [
        ValidatedRow("track", "t", 0, ROW.observed_at, "raw/z", {}).order,
        ValidatedRow("track", "t", 1, ROW.observed_at, "raw/a", {}).order,
        ValidatedRow("track", "t", 1, ROW.observed_at, "raw/b", {}).order,
        ValidatedRow("track", "t", 0, later, "raw/a", {}).order,
    ]
    assert orders == sorted(orders)
    assert len(set(orders)) == 4


def test_reading_ahead_keeps_the_order_and_is_bounded() -> None:
    running: set[int] = set()
    most = []
    lock = threading.Lock()

    def read(number: int) -> int:
        with lock:
            running.add(number)
            most.append(len(running))
        with lock:
            running.discard(number)
        return number * number

    assert list(read_ahead(range(50), read, width=3)) == [(n, n * n) for n in range(50)]
    assert max(most) <= 3


def test_an_error_of_a_read_comes_at_its_turn() -> None:
    def read(number: int) -> int:
        if number == 3:
            raise OSError("gone")
        return number

    results = read_ahead(range(1_000), read)
    assert [next(results)[1] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="gone"):
        next(results)
