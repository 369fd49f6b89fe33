"""Tests the dates of the demo, and what it reads from logs and the manifest."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from spotify_stack.demo import last_error, partitions
from spotify_stack.summary import dbt_nodes

TODAY = date(2026, 11, 22)


def test_without_a_first_date_the_last_is_today() -> None:
    assert partitions(None, 3, today=TODAY) == [date(2026, 11, 20), date(2026, 11, 21), TODAY]


def test_a_first_date_is_the_first() -> None:
    assert partitions(date(2021, 2, 28), 2, today=TODAY) == [date(2021, 2, 28), date(2021, 3, 1)]


def lines(path: Path, *entries: object) -> Path:
    path.write_text("\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries))
    return path


def test_the_last_error_of_a_log_is_the_exception_s_text(tmp_path: Path) -> None:
    log = lines(
        tmp_path / "attempt=1.log",
        {"level": "error", "event": "an earlier one"},
        {"level": "error", "event": "Task failed", "error_detail": [{"exc_value": "no bucket"}]},
        {"level": "info", "event": "::endgroup::"},
        "no json",
    )
    assert last_error(log) == "no bucket"


def test_an_error_without_an_exception_is_its_event(tmp_path: Path) -> None:
    assert last_error(lines(tmp_path / "log", {"level": "error", "event": "killed"})) == "killed"


@pytest.mark.parametrize(("content", "note"), [("", "no error"), (None, "has no log")])
def test_a_log_without_an_error_has_a_note(tmp_path: Path, content: str | None, note: str) -> None:
    log = tmp_path / "log"
    if content is not None:
        log.write_text(content)
    assert note in last_error(log)


def test_nodes_are_counted_by_kind(tmp_path: Path) -> None:
    kinds = ["model", "model", "seed", "test", "test", "test", "operation"]
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"nodes": {str(i): {"resource_type": k} for i, k in enumerate(kinds)}}))
    assert dbt_nodes(manifest) == {"models": 2, "tests": 3, "seeds": 1}
