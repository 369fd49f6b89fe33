"""Tests parts of the suite itself: lost and wrong rows, labels of calls, the table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.interpose import Interposer, Way, _object, _statement
from tests.faults.oracle import BOOKKEEPING, CLOCK, State, differences
from tests.faults.table import Row, markdown, merged, write


def test_absent_rows_are_lost_and_surplus_rows_are_wrong() -> None:
    expected = State({"staging.tracks": Counter({"a": 1, "b": 2})}, {"raw/x": "1", "raw/y": "2"})
    actual = State({"staging.tracks": Counter({"b": 1, "c": 1, "d": 1})}, {"raw/x": "9", "raw/z": "3"})
    rows, *objects = differences(expected, actual)
    assert (rows.oracle, rows.subject, rows.lost, rows.wrong) == ("rows", "staging.tracks", 2, 2)
    assert [(found.subject, found.detail) for found in objects] == [
        ("raw/x", "differs"),
        ("raw/y", "is absent"),
        ("raw/z", "is not expected"),
    ]
    assert differences(expected, expected) == []


@pytest.mark.parametrize(
    ("column", "bookkeeping", "clock"),
    [
        ("load_seq", True, False),
        ("tested_load_seq", True, False),
        ("checked_at", True, False),
        ("played_at", False, False),
        ("rank", False, False),
        ("listing_rank", False, True),
        ("observed_at", False, True),
        ("begun_at", False, True),
        ("observed_on", False, False),
    ],
)
def test_columns_that_a_comparison_ignores(column: str, bookkeeping: bool, clock: bool) -> None:
    assert bool(BOOKKEEPING.match(column)) is bookkeeping
    assert bool(CLOCK.match(column)) is clock


def test_labels_of_calls_are_the_same_in_every_run() -> None:
    key = f"raw/ingest_date%3D2026-11-22/source%3Dband/album-{'0' * 32}.json"
    assert _object(f"http://127.0.0.1:1/bucket/{key}") == "raw/album.json"
    assert _object("http://127.0.0.1:1/bucket?list-type=2&prefix=raw%2F") == "listing"

    def _execute_gen(query: str) -> object:
        yield query

    assert _statement(_execute_gen("INSERT INTO  ops.load (a)\n VALUES (1)")) == "INSERT ops.load"
    assert _statement(_execute_gen("SELECT 1")) == "SELECT 1"


def test_only_the_chosen_calls_fail() -> None:
    announced: list[str] = []
    interposer = Interposer({2: Way.REFUSED, 4: Way.LOST}, announced.append)
    assert [interposer._fault(label) for label in "abc"] == [None, Way.REFUSED, None]
    assert announced == ["b"]


def test_the_table_has_sums_and_findings(tmp_path: Path) -> None:
    one = Row("store call response lost", "load band", 2, 1, 0, [0.5, 0.1], ["rows: staging.tracks"])
    rows = merged(
        [one, Row("store call response lost", "load band", 1, 0, 3, [0.3]), Row("other", "plan", 4)]
    )
    assert [(row.injected, row.lost, row.wrong) for row in rows] == [(3, 1, 3), (4, 0, 0)]
    lines = markdown(rows).splitlines()
    assert lines[2] == "| store call response lost | load band | 3 | 1 | 3 | 0.30 | 0.50 |"
    assert lines[-1].startswith("| all |  | 7 | 1 | 3 |")
    path = write(rows, tmp_path / "faults", heading="Faults at commit x.", seconds=12.3)
    assert "1 findings, 12 seconds." in path.read_text()
    assert "- rows: staging.tracks" in path.read_text()
