"""Tests the dates of the demo, and what it reads from logs and the manifest."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from spotify_stack import demo
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.demo import clock_at_start, last_error, let_scheduled_run_pass, partitions
from spotify_stack.summary import dbt_nodes

TODAY = date(2026, 11, 22)


def test_without_a_first_date_the_last_is_today() -> None:
    assert partitions(None, 3, today=TODAY) == [date(2026, 11, 20), date(2026, 11, 21), TODAY]


def test_a_first_date_is_the_first() -> None:
    assert partitions(date(2021, 2, 28), 2, today=TODAY) == [date(2021, 2, 28), date(2021, 3, 1)]


@pytest.mark.parametrize(
    ("first", "clock"),
    [(TODAY, "2026-11-21T06:00:00Z"), (date(2026, 11, 20), "2026-11-20T06:00:00Z")],
)
def test_the_sandbox_does_not_start_at_today(first: date, clock: str) -> None:
    assert clock_at_start(first, today=TODAY) == clock


class AirflowThatStarts(AirflowApi):
    """An Airflow that starts the run of today at the second look, and ends it at the fourth."""

    looks = 0

    def dag(self, dag_id: str) -> dict[str, object]:
        self.looks += 1
        next_one = datetime.now(UTC) + timedelta(hours=-1 if self.looks == 1 else 23)
        return {"dag_id": dag_id, "next_dagrun_run_after": next_one.isoformat()}

    def runs(self, dag_id: str, partition_key: str, **_: object) -> list[dict[str, object]]:
        state = {2: "queued", 3: "running"}.get(self.looks, "success")
        return [{"dag_id": dag_id, "partition_key": partition_key, "state": state}]


def test_the_scheduled_run_of_today_ends_before_the_demo_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "POLL_SECONDS", 0)
    api = AirflowThatStarts("http://127.0.0.1:1")
    let_scheduled_run_pass(api, "2026-11-22")
    assert api.looks == 4


def test_the_demo_goes_on_without_a_scheduled_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SCHEDULED_RUN_SECONDS", 0)
    api = AirflowThatStarts("http://127.0.0.1:1")
    let_scheduled_run_pass(api, "2026-11-22")
    assert api.looks == 1


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
