"""Tests how faults in a whole Airflow are drawn and counted; `make test-faults` injects them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.e2e.conftest import CHAIN, INGEST
from tests.faults.airflow_disturb import Fault, Kind, draw
from tests.faults.airflow_run import FIRST_DAY, SCHEDULES, Progress, Result, rows_of
from tests.faults.oracle import Finding


def test_seeds_in_a_row_draw_every_kind_of_fault() -> None:
    drawn = [draw(seed) for seed in range(SCHEDULES)]
    assert drawn == [draw(seed) for seed in range(SCHEDULES)]
    assert {fault.kind for faults in drawn for fault in faults} == set(Kind)
    assert all(2 <= len(faults) <= 3 for faults in drawn)
    for faults in drawn:
        assert [CHAIN.index(fault.dag_id) for fault in faults] == sorted(
            CHAIN.index(b.dag_id) for b in faults
        )
        assert all(b.dag_id == INGEST for b in faults if b.kind is Kind.API_ERRORS), (
            "only ingest calls Spotify"
        )


def test_progress_continues_after_an_interruption(tmp_path: Path) -> None:
    progress = Progress(tmp_path)
    progress.note(progress.next_day(), "done")
    progress.note(progress.next_day(), "begun")
    again = Progress(tmp_path)
    assert again.days("done") == [FIRST_DAY]
    assert again.days("begun") == [FIRST_DAY + timedelta(days=1)]
    assert again.next_day() == FIRST_DAY + timedelta(days=2)


def test_findings_are_in_one_row_of_their_schedule() -> None:
    faults = [Fault(Kind.STORE, CHAIN[0], 0.1), Fault(Kind.TASK, CHAIN[1], 0.2)]
    found = [
        Finding("rows", "marts.dim_track", "3 rows lost", lost=3),
        Finding("false green", "run", "…", wrong=1),
    ]
    first, second = rows_of(Result(0, FIRST_DAY, faults, found, 60.0))
    assert (first.injected, first.lost, first.wrong, len(first.findings)) == (1, 3, 1, 2)
    assert (second.injected, second.lost, second.wrong, second.findings) == (1, 0, 0, [])
