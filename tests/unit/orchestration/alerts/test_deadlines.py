"""Deadlines as the DAG files have them, and what a missed one tells."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import AsyncCallback, DeadlineReference  # type: ignore[attr-defined]

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.orchestration.alerts import deadlines

CONTEXT = {
    "dag_run": {
        "dag_id": "spotify_report",
        "dag_run_id": "manual__1+0",
        "partition_key": "2026-11-05",
        "logical_date": None,
        "state": "running",
    },
    # a datetime where the trigger was not stored in between, its text else
    "deadline": {"id": "x", "deadline_time": datetime(2026, 11, 5, 4, tzinfo=UTC)},
}


def test_a_deadline_counts_from_the_queue_since_partitioned_runs_have_no_logical_date() -> None:
    found = deadlines.deadline("spotify_ingest")
    assert found is not None
    assert found.reference == DeadlineReference.DAGRUN_QUEUED_AT
    assert found.interval == 4 * 3600
    assert isinstance(found.callback, AsyncCallback)
    assert found.callback.path == "spotify_pipeline.orchestration.alerts.deadlines.missed"


def test_airflow_stores_what_its_own_clearing_can_read() -> None:
    """`taskinstance._recalculate_dagrun_queued_at_deadlines` of 3.3.2 makes a timedelta of what is stored."""
    from airflow.serialization.decoders import decode_deadline_alert
    from airflow.serialization.encoders import encode_deadline_alert

    stored = encode_deadline_alert(deadlines.deadline("spotify_ingest"))
    assert timedelta(seconds=stored["interval"]) == timedelta(hours=4)
    assert decode_deadline_alert(stored).interval == timedelta(hours=4)


def test_a_setting_changes_it_and_0_takes_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_DEADLINE_REPORT", "90")
    found = deadlines.deadline("spotify_report")
    assert found is not None
    assert found.interval == 90
    monkeypatch.setenv("SPOTIFY_PIPELINE_DEADLINE_REPORT", "0")
    assert deadlines.watched("spotify_report")["deadline"] is None


def test_a_value_that_is_no_number_does_not_break_the_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    """`astro dev parse` puts such values into every variable; a real run refuses it by name."""
    monkeypatch.setenv("SPOTIFY_PIPELINE_DEADLINE_REPORT", "MOCKED_VALUE")
    assert deadlines.deadline("spotify_report") is not None


def test_a_dag_without_such_a_setting_has_none() -> None:
    assert deadlines.deadline("spotify_listening") is None


@pytest.mark.parametrize("moment", [CONTEXT["deadline"]["deadline_time"], "2026-11-05T04:00:00+00:00"])
def test_a_missed_one_names_the_run_and_how_it_stands(
    monkeypatch: pytest.MonkeyPatch, moment: object
) -> None:
    told: list[Alert] = []
    monkeypatch.setattr(deadlines, "tell", told.append)
    asyncio.run(deadlines.missed({**CONTEXT, "deadline": {"deadline_time": moment}}))
    [alert] = told
    assert (alert.partition, alert.cause, alert.subject) == ("2026-11-05", "DeadlineMissed", "spotify_report")
    assert "2026-11-05 04:00:00 UTC" in alert.happened
    assert "running" in alert.happened
    assert alert.links["Run"].endswith("/dags/spotify_report/runs/manual__1%2B0")
