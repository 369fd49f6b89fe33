"""What the blows at a whole Airflow are drawn from; they fall in `make test-faults`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.e2e.conftest import CHAIN, INGEST
from tests.faults.airflow_disturb import Blow, Hit, draw
from tests.faults.airflow_run import FIRST_DAY, Progress, Result, rows_of
from tests.faults.oracle import Finding


def test_a_seed_says_what_is_hit_and_ten_in_a_row_hit_everything() -> None:
    drawn = [draw(seed) for seed in range(10)]
    assert drawn == [draw(seed) for seed in range(10)]
    assert {blow.hit for blows in drawn for blow in blows} == set(Hit)
    assert all(2 <= len(blows) <= 3 for blows in drawn)
    for blows in drawn:
        assert [CHAIN.index(blow.dag_id) for blow in blows] == sorted(CHAIN.index(b.dag_id) for b in blows)
        assert all(b.dag_id == INGEST for b in blows if b.hit is Hit.API_ERRORS), "only it asks Spotify"


def test_a_turn_goes_on_where_the_one_before_it_was_cut_off(tmp_path: Path) -> None:
    progress = Progress(tmp_path)
    progress.note(progress.next_day(), "done")
    progress.note(progress.next_day(), "begun")
    again = Progress(tmp_path)
    assert again.days("done") == [FIRST_DAY]
    assert again.days("begun") == [FIRST_DAY + timedelta(days=1)]
    assert again.next_day() == FIRST_DAY + timedelta(days=2)


def test_what_is_found_stands_in_one_row_of_its_schedule() -> None:
    blows = [Blow(Hit.STORE, CHAIN[0], 0.1), Blow(Hit.TASK, CHAIN[1], 0.2)]
    found = [
        Finding("rows", "marts.dim_track", "3 rows lost", lost=3),
        Finding("false green", "run", "…", wrong=1),
    ]
    first, second = rows_of(Result(0, FIRST_DAY, blows, found, 60.0))
    assert (first.injected, first.lost, first.wrong, len(first.findings)) == (1, 3, 1, 2)
    assert (second.injected, second.lost, second.wrong, second.findings) == (1, 0, 0, [])
