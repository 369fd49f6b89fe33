"""Tests callbacks and deadlines: which failures send an alert, and its content."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import AsyncCallback, DeadlineReference  # type: ignore[attr-defined]
from airflow.sdk.exceptions import AirflowFailException

from spotify_pipeline import errors
from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.orchestration.alerts import callbacks
from spotify_pipeline.orchestration.dbt.results import BadData

RUN = {
    "dag_id": "spotify_report",
    "dag_run_id": "manual__1+0",
    "partition_key": "2026-11-05",
    "logical_date": None,
    "state": "running",
    "start_date": "2026-11-05T03:00:00Z",
    "end_date": None,
}
RUN_AFTER = datetime(2026, 11, 5, 7, 5, tzinfo=UTC)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    found: list[Alert] = []
    monkeypatch.setattr(callbacks, "notify", found.append)
    return found


def context(error: BaseException | None, *, partition: str | None = "2026-11-05", **more: Any) -> Any:
    instance = SimpleNamespace(
        dag_id="spotify_ingest",
        run_id="run",
        task_id="sources.load",
        map_index=2,
        log_url="http://airflow/dags/spotify_ingest/runs/run/tasks/sources.load/mapped/2",
    )
    run = SimpleNamespace(partition_key=partition, run_after=RUN_AFTER, run_id="run")
    return {"ti": instance, "dag_run": run, "run_id": "run", "exception": error, **more}


def raised(error: errors.PipelineError) -> AirflowFailException:
    """Return an Airflow exception with a pipeline error as its cause, as `running` raises it."""
    try:
        raise AirflowFailException(str(error)) from error
    except AirflowFailException as wrapped:
        return wrapped


def test_the_alert_has_the_cause_of_airflow_s_exception(sent: list[Alert]) -> None:
    callbacks.on_task_failure(context(raised(errors.RowRefused("row 3 is refused"))))
    [alert] = sent
    assert (alert.cause, alert.happened) == ("RowRefused", "row 3 is refused")
    assert alert.subject == "spotify_ingest.sources.load[2]"
    assert alert.partition == "2026-11-05"
    assert alert.links == {"Log": "http://airflow/dags/spotify_ingest/runs/run/tasks/sources.load/mapped/2"}


def test_a_run_without_a_partition_gets_its_date(sent: list[Alert]) -> None:
    """Without a date, failures of different days would share one alert."""
    callbacks.on_task_failure(context(ValueError("x"), partition=None))
    assert sent[0].partition == "2026-11-05"


def test_a_killed_process_without_an_error_sends_an_alert(sent: list[Alert]) -> None:
    callbacks.on_task_failure(context(None))
    assert sent[0].cause == "ProcessDied"


def test_an_error_with_an_alert_sends_no_second_one(sent: list[Alert]) -> None:
    error = errors.DamagedObject("absent")
    callbacks.mark_notified(error)
    callbacks.on_task_failure(context(raised(error)))
    assert sent == []


def test_the_pipeline_s_message_takes_precedence(sent: list[Alert]) -> None:
    ours = errors.ConfigurationError("the warehouse has no marts yet: run spotify_transform")
    ours.__cause__ = ValueError("relation does not exist")
    callbacks.on_task_failure(context(raised(ours)))
    assert sent[0].happened == str(ours)


def test_a_failed_data_test_has_its_own_alert(sent: list[Alert]) -> None:
    node = SimpleNamespace(
        name="unique_x", unique_id="test.spotify.unique_x", relation_name='"w"."dbt_audit"."unique_x"'
    )
    callbacks.on_task_failure(
        context(BadData([SimpleNamespace(node=node, message="Got 2 results", status="fail")]))
    )
    [alert] = sent
    assert (alert.cause, alert.subject) == ("DataTestFailed", "unique_x")
    assert "w.dbt_audit.unique_x" in alert.action


def test_an_error_of_cosmos_is_reported_as_a_failed_node(sent: list[Alert]) -> None:
    callbacks.on_task_failure(context(type("CosmosDbtRunError", (Exception,), {})("syntax error")))
    assert sent[0].cause == "DbtNodeFailed"


@pytest.mark.parametrize(("reason", "alerts"), [("task_failure", 0), ("timed_out", 1)])
def test_a_failed_run_sends_an_alert_unless_a_task_did(sent: list[Alert], reason: str, alerts: int) -> None:
    callbacks.on_run_failure(context(None, reason=reason))
    assert [alert.cause for alert in sent] == ["RunFailed"] * alerts


def test_a_callback_needs_only_the_run(sent: list[Alert]) -> None:
    callbacks.on_run_failure({"dag": SimpleNamespace(dag_id="d"), "run_id": "r", "reason": "timed_out"})
    assert (sent[0].dag_id, sent[0].run_id) == ("d", "r")


def test_a_callback_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_FETCH_TASKS", "no number")
    callbacks.on_task_failure(context(ValueError("x")))
    callbacks.on_task_failure({})
    callbacks.on_run_failure({"ti": object()})


def test_promise_9_airflow_s_secrets_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import mask_secret

    from spotify_pipeline.orchestration.alerts import channels

    mask_secret("a-secret-of-a-connection")
    seen: list[Alert] = []
    monkeypatch.setattr(channels, "dispatch", lambda alert, *_args, **_more: seen.append(alert))
    callbacks.notify(Alert("C", "t", "login with a-secret-of-a-connection refused", "m", "d"))
    assert "a-secret-of-a-connection" not in seen[0].happened


def test_a_deadline_counts_from_the_queueing_of_a_run() -> None:
    found = callbacks.deadline("spotify_ingest")
    assert found is not None
    assert found.reference == DeadlineReference.DAGRUN_QUEUED_AT
    assert found.interval == 4 * 3600
    assert isinstance(found.callback, AsyncCallback)
    assert found.callback.path == "spotify_pipeline.orchestration.alerts.callbacks.missed"
    assert found.callback.kwargs == {"seconds": 4 * 3600}


def test_airflow_can_recalculate_a_stored_deadline() -> None:
    """Airflow 3.3.2 makes a timedelta of the stored number (`_recalculate_dagrun_queued_at_deadlines`)."""
    from airflow.serialization.decoders import decode_deadline_alert
    from airflow.serialization.encoders import encode_deadline_alert

    stored = encode_deadline_alert(callbacks.deadline("spotify_ingest"))
    assert timedelta(seconds=stored["interval"]) == timedelta(hours=4)
    assert decode_deadline_alert(stored).interval == timedelta(hours=4)


def test_a_setting_changes_a_deadline_and_0_removes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_DEADLINE_REPORT", "90")
    found = callbacks.deadline("spotify_report")
    assert found is not None
    assert found.interval == 90
    monkeypatch.setenv("SPOTIFY_PIPELINE_DEADLINE_REPORT", "0")
    assert callbacks.alert_arguments("spotify_report")["deadline"] is None


def test_a_setting_that_is_not_a_number_does_not_break_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`astro dev parse` sets every variable to such a value; a real run refuses it."""
    monkeypatch.setenv("SPOTIFY_PIPELINE_DEADLINE_REPORT", "MOCKED_VALUE")
    assert callbacks.deadline("spotify_report") is not None


def test_a_dag_without_a_setting_has_no_deadline() -> None:
    assert callbacks.deadline("spotify_listening") is None


def late(run: dict[str, Any], seconds: float = 3600) -> None:
    asyncio.run(callbacks.missed(seconds=seconds, context={"dag_run": run}))


def test_a_missed_deadline_names_the_run_and_its_state(sent: list[Alert]) -> None:
    late(RUN)
    [alert] = sent
    assert (alert.partition, alert.cause, alert.subject) == ("2026-11-05", "DeadlineMissed", "spotify_report")
    assert "2026-11-05 04:00:00 UTC" in alert.happened
    assert "running" in alert.happened
    assert alert.links["Run"].endswith("/dags/spotify_report/runs/manual__1%2B0")


@pytest.mark.parametrize(("ended", "alerts"), [("03:59:59", 0), ("04:00:01", 1)])
def test_a_run_is_late_by_the_time_since_its_start(sent: list[Alert], ended: str, alerts: int) -> None:
    late({**RUN, "state": "success", "end_date": f"2026-11-05T{ended}Z"})
    assert len(sent) == alerts


@pytest.mark.parametrize(
    ("states", "alerts"),
    [
        (["queued", "queued", "success"], []),
        (["queued", "running", "success"], []),
        (["queued", *["running"] * 9], ["running"]),
        (["running", *["failed"] * 9], ["failed"]),
    ],
)
def test_a_run_that_waits_for_others_is_not_late(
    sent: list[Alert], monkeypatch: pytest.MonkeyPatch, states: list[str], alerts: list[str]
) -> None:
    coming = iter(states)
    monkeypatch.setattr(callbacks, "_state_of", lambda *_: next(coming))
    monkeypatch.setattr(callbacks, "_POLL", timedelta(seconds=0.01))
    late({**RUN, "state": "queued", "start_date": None}, seconds=0.05)
    assert [state for alert in sent for state in alerts if state in alert.happened] == alerts
    assert len(sent) == len(alerts)


def test_a_run_that_was_deleted_is_not_late(sent: list[Alert], monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: str) -> str:
        raise RuntimeError("there is no such run")

    monkeypatch.setattr(callbacks, "_state_of", gone)
    monkeypatch.setattr(callbacks, "_POLL", timedelta(seconds=0.01))
    late({**RUN, "state": "queued"})
    assert sent == []
