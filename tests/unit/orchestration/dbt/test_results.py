"""Tests what follows from a result of dbt: a failure that names the rows, a warning with an alert."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.orchestration.alerts.callbacks import origin_of
from spotify_pipeline.orchestration.dbt import results
from spotify_pipeline.orchestration.dbt.results import (
    WARNING_KEY,
    BadData,
    log_queries,
    note_warnings,
)


def outcome(status: str, *, unique_id: str = "test.spotify.unique_x", relation: str | None = None) -> Any:
    node = SimpleNamespace(
        name=unique_id.rpartition(".")[2],
        unique_id=unique_id,
        relation_name=relation,
        compiled_code="select 1 as bad\n",
    )
    return SimpleNamespace(node=node, status=status, message="Got 2 results, configured to warn if != 0")


@pytest.fixture
def context() -> dict[str, Any]:
    pushed: dict[str, str] = {}
    instance = SimpleNamespace(
        dag_id="spotify_transform",
        run_id="r",
        task_id="t",
        map_index=-1,
        log_url="http://l",
        xcom_push=lambda *, key, value: pushed.update({key: value}),
    )
    run = SimpleNamespace(partition_key="2026-11-05", run_after=datetime(2026, 11, 5, tzinfo=UTC))
    return {"ti": instance, "dag_run": run, "run_id": "r", "pushed": pushed}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    found: list[Alert] = []
    monkeypatch.setattr(results, "notify", found.append)
    return found


def test_a_warning_is_in_the_log_an_xcom_and_an_alert(
    context: Any, sent: list[Alert], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        note_warnings([outcome("pass"), outcome("warn", relation='"w"."dbt_audit"."unique_x"')], context)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "unique_x warns: Got 2 results" in caplog.text
    assert "w.dbt_audit.unique_x" in caplog.text
    assert context["pushed"][WARNING_KEY].startswith("unique_x: Got 2 results")
    [alert] = sent
    assert (alert.cause, alert.severity) == ("DataTestWarned", "warning")
    assert "w.dbt_audit.unique_x" in alert.action


def test_a_stale_source_that_only_warns_has_its_own_alert(context: Any, sent: list[Alert]) -> None:
    note_warnings([outcome("warn", unique_id="source.spotify.ops.load")], context)
    assert [alert.cause for alert in sent] == ["DbtNodeWarned"]


def test_passing_nodes_send_nothing(context: Any, sent: list[Alert]) -> None:
    note_warnings([outcome("pass"), outcome("success", unique_id="model.spotify.x")], context)
    assert (sent, context["pushed"]) == ([], {})


def test_bad_data_names_the_table_of_the_rows(context: Any) -> None:
    error = BadData([outcome("fail", relation='"w"."dbt_audit"."unique_x"')])
    assert str(error) == (
        "unique_x: Got 2 results, configured to warn if != 0 (see the rows in w.dbt_audit.unique_x)"
    )
    assert error.alert_from(origin_of(context)).cause == "DataTestFailed"
    stale = BadData([outcome("error", unique_id="source.spotify.ops.load")])
    assert stale.alert_from(origin_of(context)).cause == "DbtNodeFailed"


def test_the_query_of_a_failed_test_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log_queries([outcome("fail")])
    assert "compiled SQL of unique_x:\nselect 1 as bad" in caplog.text
