"""Tests of `spotify-pipeline replay` over a real warehouse and store."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import pytest

from tests.integration.pipeline import DAY, Pipeline
from tests.integration.snapshots import Snapshots
from tests.integration.stages.commands import call

pytestmark = pytest.mark.integration
NEXT_DAY = DAY + timedelta(days=1)
RANGE = ("--from", str(DAY), "--to", str(NEXT_DAY))


@pytest.fixture
def two_days(pipeline: Pipeline, snapshots: Snapshots) -> Pipeline:
    def run() -> None:
        pipeline.run()
        pipeline.go_to(NEXT_DAY)
        pipeline.run(NEXT_DAY)

    snapshots.once("two days", pipeline, run)
    pipeline.go_to(NEXT_DAY)
    pipeline.sandbox.control.reset_calls()
    return pipeline


@pytest.mark.slow
def test_two_workers_change_nothing_and_print_a_table(two_days: Pipeline) -> None:
    before = two_days.checksums(), two_days.objects("validated")
    done = call("replay", two_days, *RANGE, "--workers", "2")
    assert done.exit_code == 0, done.output
    for day in (DAY, NEXT_DAY):
        # a row fits into 80 columns
        row = next(line for line in done.stdout.splitlines() if line.startswith(f"{day} "))
        cells = row.split()
        assert len(cells) == 8
        fetched, *parts = (int(cell.replace(",", "")) for cell in cells[2:7])
        assert cells[1] == "2"
        assert fetched == sum(parts) > 0
        assert cells[7] == "complete"
    assert "Next: trigger the DAG spotify_transform" in done.stdout
    assert (two_days.checksums(), two_days.objects("validated")) == before
    assert two_days.sandbox.control.calls().total == 0
    [(runs,)] = two_days.query("SELECT count(DISTINCT run_id) FROM ops.load WHERE run_id LIKE '%replay%'")
    assert runs == 1


@pytest.mark.slow
def test_a_failed_source_is_named_and_the_others_are_loaded(two_days: Pipeline) -> None:
    broken = next(key for key in two_days.lake.keys("raw/") if f"{DAY}/source=first/album-" in key)
    two_days.lake.delete(broken)
    done = call("replay", two_days, *RANGE, "--workers", "1")
    assert done.exit_code == 1
    assert f"error: {DAY} first: " in done.stderr
    assert broken in done.stderr
    loaded = two_days.query(
        "SELECT partition, source FROM ops.load WHERE run_id LIKE '%replay%' ORDER BY 1, 2"
    )
    assert loaded == [(DAY, "second"), (NEXT_DAY, "first"), (NEXT_DAY, "second")]


def test_json_is_the_only_output(two_days: Pipeline) -> None:
    done = call("replay", two_days, *RANGE, "--workers", "1", "--json")
    first, second = json.loads(done.stdout)
    assert (first["date"], first["result"], first["failures"]) == (str(DAY), "complete", {})
    assert second["sources"] == 2
    assert first["fetched"] > 0


@pytest.mark.slow
def test_one_source_of_the_range_can_be_replayed(two_days: Pipeline) -> None:
    assert call("replay", two_days, *RANGE, "--source", "second").exit_code == 0
    loaded = two_days.query("SELECT DISTINCT source FROM ops.load WHERE run_id LIKE '%replay%'")
    assert loaded == [("second",)]


def test_without_pyspark_the_error_says_what_to_install(
    two_days: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    done = call("replay", two_days, *RANGE, "--engine", "spark")
    assert done.exit_code == 1
    assert "error: the Spark engine needs package 'pyspark" in done.stderr
    assert "run `make spark`" in done.stderr
    assert two_days.query("SELECT count(*) FROM ops.load WHERE run_id LIKE '%replay%'") == [(0,)]


def test_a_wrong_range_is_an_error_of_one_sentence(pipeline: Pipeline) -> None:
    done = call("replay", pipeline, "--from", str(NEXT_DAY), "--to", str(DAY))
    assert done.exit_code == 1
    assert done.stderr == (
        f"error: the range begins on {NEXT_DAY} and ends on {DAY}, before it: swap the dates\n"
    )
    done = call("replay", pipeline, *RANGE)
    assert done.stderr == f"error: nothing is kept from {DAY} to {NEXT_DAY}: no raw is kept at all\n"
    assert call("replay", pipeline, "--from", "22.11.2026", "--to", str(DAY)).exit_code == 2
