"""Tests what `spotify-pipeline status` shows of the newest partitions."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from spotify_pipeline.cli.main import build
from spotify_pipeline.cli.status import failed_lines, incomplete_lines, newest_report, progress_table
from spotify_pipeline.warehouse.reconciliation import Progress

DAY = date(2026, 11, 22)
PUBLISHED = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


def progress(**changes: object) -> Progress:
    fields: dict[str, object] = {
        "partition": DAY,
        "complete": 14,
        "fetched": 123_456,
        "loaded": 120_000,
        "quarantined": 1_234,
        "duplicates": 2_200,
        "set_aside": 22,
        "adds_up": True,
        "published_at": PUBLISHED,
        "tests_passed": 98,
    }
    return Progress(**(fields | changes))  # type: ignore[arg-type]


def shown(*found: Progress) -> str:
    console = Console(width=80, record=True, force_terminal=False)
    with console.capture() as capture:
        console.print(progress_table(list(found)))
    return capture.get()


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    text = shown(progress())
    for wanted in ("2026-11-22", "123,456", "120,000", "1,234", "2,200", "22", "yes", "11-22 06:30, 98"):
        assert wanted in text
    assert "…" not in text


def test_an_incomplete_partition_is_marked() -> None:
    text = shown(progress(adds_up=False, published_at=None, unfinished={"artists-1": ("failed", "why")}))
    assert "no" in text.split()
    assert "14 of 15" in text
    assert "not yet" in text


def test_incomplete_sources_are_listed_and_the_rest_counted() -> None:
    unfinished = {f"artists-{number}": ("partial", "the quota is spent") for number in range(5)}
    lines = incomplete_lines([progress(unfinished=unfinished)])
    assert lines[0] == "2026-11-22 artists-0: partial: the quota is spent"
    assert lines[-1] == "2026-11-22: 2 more sources are not complete"
    assert len(lines) == 4


def test_failed_models_are_listed_and_the_rest_counted() -> None:
    assert failed_lines([]) == []
    lines = failed_lines([f"model.spotify.m{number}" for number in range(5)])
    assert lines[0] == "spotify_transform failed: model.spotify.m0"
    assert lines[-1] == "spotify_transform failed: 2 more models and data tests"


def test_the_newest_report_is_the_one_of_the_last_date(tmp_path: Path) -> None:
    assert newest_report(tmp_path) is None
    for day in ("2026-11-22", "2026-11-05"):
        (tmp_path / f"report-{day}.html").touch()
    assert newest_report(tmp_path) == tmp_path / "report-2026-11-22.html"


def test_json_says_that_the_warehouse_is_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_STACK_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_READER", "postgres://spotify_reader:x@127.0.0.1:9/warehouse")
    shown = CliRunner().invoke(build(["status"]), ["status", "--json"])
    assert shown.exit_code == 1
    document = json.loads(shown.stdout)
    assert not document["ok"]
    assert "127.0.0.1:9" in document["problem"]
