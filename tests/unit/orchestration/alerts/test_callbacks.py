"""Which failures of tasks and runs are told, and what the callbacks make of Airflow's context."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from spotify_pipeline import errors
from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.orchestration.alerts import callbacks as alerting
from spotify_pipeline.orchestration.dbt.verdicts import BadData

RUN_AFTER = datetime(2026, 11, 5, 7, 5, tzinfo=UTC)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    found: list[Alert] = []
    monkeypatch.setattr(alerting, "tell", found.append)
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
    """As `running` raises it."""
    try:
        raise AirflowFailException(str(error)) from error
    except AirflowFailException as wrapped:
        return wrapped


def test_the_error_behind_airflow_s_own_is_told(told: list[Alert]) -> None:
    alerting.on_task_failure(context(raised(errors.RowRefused("row 3 is refused"))))
    [alert] = told
    assert (alert.cause, alert.happened) == ("RowRefused", "row 3 is refused")
    assert alert.subject == "spotify_ingest.sources.load[2]"
    assert alert.partition == "2026-11-05"
    assert alert.links == {"Log": "http://airflow/dags/spotify_ingest/runs/run/tasks/sources.load/mapped/2"}


def test_a_run_without_a_partition_is_of_its_day(told: list[Alert]) -> None:
    """Else the failure of one hour would be the same alert as that of any other, for ever."""
    alerting.on_task_failure(context(ValueError("x"), partition=None))
    assert told[0].partition == "2026-11-05"


def test_a_killed_process_has_no_error_and_is_told(told: list[Alert]) -> None:
    alerting.on_task_failure(context(None))
    assert told[0].cause == "ProcessDied"


def test_what_is_told_already_is_not_told_by_the_task_that_fails_of_it(told: list[Alert]) -> None:
    error = errors.DamagedObject("absent")
    alerting.mark_told(error)
    alerting.on_task_failure(context(raised(error)))
    assert told == []


def test_our_own_sentence_goes_before_what_a_library_said(told: list[Alert]) -> None:
    ours = errors.ConfigurationError("the warehouse has no marts yet: run spotify_transform")
    ours.__cause__ = ValueError("relation does not exist")
    alerting.on_task_failure(context(raised(ours)))
    assert told[0].happened == str(ours)


def test_a_verdict_of_dbt_makes_its_own_alert(told: list[Alert]) -> None:
    node = SimpleNamespace(
        name="unique_x", unique_id="test.spotify.unique_x", relation_name='"w"."dbt_audit"."unique_x"'
    )
    alerting.on_task_failure(
        context(BadData([SimpleNamespace(node=node, message="Got 2 results", status="fail")]))
    )
    [alert] = told
    assert (alert.cause, alert.subject) == ("DataTestFailed", "unique_x")
    assert "w.dbt_audit.unique_x" in alert.action


def test_an_error_of_cosmos_is_that_of_its_node(told: list[Alert]) -> None:
    alerting.on_task_failure(context(type("CosmosDbtRunError", (Exception,), {})("syntax error")))
    assert told[0].cause == "DbtNodeFailed"


@pytest.mark.parametrize(("reason", "alerts"), [("task_failure", 0), ("timed_out", 1)])
def test_a_red_run_is_told_where_no_task_of_it_failed(told: list[Alert], reason: str, alerts: int) -> None:
    alerting.on_run_failure(context(None, reason=reason))
    assert [alert.cause for alert in told] == ["RunFailed"] * alerts


def test_a_callback_of_the_dag_processor_may_have_nothing_but_the_run(told: list[Alert]) -> None:
    alerting.on_run_failure({"dag": SimpleNamespace(dag_id="d"), "run_id": "r", "reason": "timed_out"})
    assert (told[0].dag_id, told[0].run_id) == ("d", "r")


def test_a_callback_never_makes_things_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_FETCH_TASKS", "no number")
    alerting.on_task_failure(context(ValueError("x")))
    alerting.on_task_failure({})
    alerting.on_run_failure({"ti": object()})


def test_promise_9_what_airflow_knows_to_be_a_secret_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import mask_secret

    from spotify_pipeline.alerts import dispatch as dispatching

    mask_secret("a-secret-of-a-connection")
    seen: list[Alert] = []
    monkeypatch.setattr(dispatching, "dispatch", lambda alert, *_args, **_more: seen.append(alert))
    alerting.tell(Alert("C", "t", "login with a-secret-of-a-connection refused", "m", "d"))
    assert "a-secret-of-a-connection" not in seen[0].happened
