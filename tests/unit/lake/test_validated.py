"""Tests observations as lines of JSON, and reading ahead."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.lake.validated import from_line, read_ahead, to_line

ROW = Observation(
    kind="track",
    key="t" * 22,
    rank=1,
    observed_at=datetime(2026, 11, 22, 6, tzinfo=UTC),
    raw_key="raw/x",
    groups={"listing": {"name": "Ünï\u2028cödé\n", "artist_ids": ["a"], "album_id": None}},
)


def test_an_observation_is_one_line_and_can_be_read_back() -> None:
    line = to_line(ROW)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert from_line("track", line) == ROW


def test_the_format_of_a_line() -> None:
    stub = ROW._replace(stub=True, groups={"listing": {"name": "y"}})
    assert to_line(stub) == (
        b'{"key":"tttttttttttttttttttttt","rank":1,"observed_at":"2026-11-22T06:00:00Z","raw_key":"raw/x",'
        b'"groups":{"listing":{"name":"y"}},"stub":true}\n'
    )
    assert from_line("track", to_line(stub)) == stub
    assert b"stub" not in to_line(ROW)


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


def test_an_error_of_a_read_is_raised_in_order() -> None:
    def read(number: int) -> int:
        if number == 3:
            raise OSError("gone")
        return number

    results = read_ahead(range(1_000), read)
    assert [next(results)[1] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="gone"):
        next(results)
