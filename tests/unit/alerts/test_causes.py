"""Tests which failures share an alert, and that every alert has all its texts."""

from __future__ import annotations

import inspect
from datetime import UTC, date, datetime

import pytest

from spotify_pipeline import errors
from spotify_pipeline.alerts import causes
from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.alerts.explain import UNKNOWN, explain

HERE = causes.Origin("2026-11-05", "spotify_ingest", "run", "sources.load[1]", {"Log": "http://log"})
THERE = causes.Origin("2026-11-05", "spotify_transform", "run", "publish")
MOMENT = datetime(2026, 11, 5, 4, tzinfo=UTC)


def test_an_outage_is_one_alert_for_all_tasks() -> None:
    down = errors.WarehouseUnavailable("connection refused")
    gone = errors.WarehouseUnavailable("server closed the connection")
    assert causes.task_failed(HERE, down).key == causes.task_failed(THERE, gone).key
    assert causes.task_failed(HERE, down, about="mine").key == causes.task_failed(THERE, gone).key


def test_a_wrong_setting_is_one_alert_for_all_tasks() -> None:
    missing = errors.ConnectionMissing("connection 'warehouse_dbt' is not defined")
    other = errors.ConnectionMissing("connection 'spotify_lake' is not defined")
    assert causes.task_failed(HERE, missing).key == causes.task_failed(THERE, missing).key
    assert causes.task_failed(HERE, missing).key != causes.task_failed(HERE, other).key


def test_two_sources_or_two_tasks_have_two_alerts() -> None:
    bad = errors.QuarantineShareExceeded("too much")
    assert causes.task_failed(HERE, bad, about="a").key != causes.task_failed(HERE, bad, about="b").key
    assert causes.task_failed(HERE, ValueError("x")).key != causes.task_failed(THERE, ValueError("x")).key


def test_another_error_of_the_same_task_is_another_alert() -> None:
    first, second = errors.DamagedObject("a"), errors.RowRefused("b")
    assert causes.task_failed(HERE, first).key != causes.task_failed(HERE, second).key


def test_a_killed_process_has_an_alert_without_an_error() -> None:
    alert = causes.task_failed(HERE, None)
    assert alert.cause == "ProcessDied"
    assert "killed" in alert.meaning


def every_alert() -> list[Alert]:
    made = [
        causes.task_failed(HERE, error("something"))
        for error in (*_errors(errors.PipelineError), ValueError)
        if error not in (errors.RateLimited, errors.CallBudgetSpent)
    ]
    return [
        *made,
        causes.task_failed(HERE, None),
        causes.bad_rows(HERE, "unique_x", "Got 1 result", "warehouse.dbt_audit.unique_x", warned=False),
        causes.bad_rows(HERE, "unique_x", "Got 1 result", None, warned=True),
        causes.model_failed(HERE, "dim_track", "syntax error"),
        causes.node_warned(HERE, "ops.load", "stale"),
        causes.run_failed(HERE, "timed_out"),
        causes.source_failed(HERE, "mine", "the counts do not add up"),
        causes.sources_partial(HERE, {"a": "closed", "b": "closed"}),
        causes.quarantine_grew(HERE, "mine", 3, 100, 0.05),
        causes.login_ends("spotify_user", date(2026, 12, 1), 14),
        causes.plays_lost(HERE, MOMENT.date(), "spotify_user_anna"),
        causes.deadline_missed(HERE, MOMENT, "running"),
    ]


def _errors(kind: type[errors.PipelineError]) -> list[type[errors.PipelineError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in _errors(below))]


@pytest.mark.parametrize("alert", every_alert(), ids=lambda alert: f"{alert.cause}-{alert.title[:30]}")
def test_every_alert_has_event_meaning_and_action(alert: Alert) -> None:
    assert alert.title.strip()
    assert alert.happened.strip()
    assert len(alert.meaning.split()) >= 5
    assert len(alert.action.split()) >= 5
    assert alert.severity in {"error", "warning"}


def test_every_kind_of_alert_is_in_every_alert() -> None:
    makers = {
        name
        for name, found in inspect.getmembers(causes, inspect.isfunction)
        if found.__module__ == causes.__name__ and not name.startswith("_")
    }
    source = inspect.getsource(every_alert)
    assert {name for name in makers if f"causes.{name}(" not in source} == set()


def test_an_error_inherits_the_explanation_of_its_class() -> None:
    assert explain(errors.BucketMissing("x")) == explain(errors.ConfigurationError("x"))
    assert explain(ValueError("x")) is UNKNOWN


def test_the_partial_sources_of_a_day_are_one_alert() -> None:
    partial = {f"source-{n}": "bucket closed" for n in range(7)}
    alert = causes.sources_partial(HERE, partial)
    assert alert.subject == ""
    assert "source-0" in alert.title
    assert "and 2 more" in alert.title
    assert alert.severity == "warning"


def test_an_ending_login_is_one_alert_on_all_days() -> None:
    first = causes.login_ends("spotify_user", date(2026, 12, 1), 14)
    later = causes.login_ends("spotify_user", date(2026, 12, 1), 3)
    assert first.key == later.key
    assert causes.login_ends("spotify_user", date(2027, 6, 1), 14).key != first.key


def test_a_late_run_that_succeeded_is_a_warning() -> None:
    assert causes.deadline_missed(HERE, MOMENT, "running").severity == "error"
    assert causes.deadline_missed(HERE, MOMENT, "success").severity == "warning"
