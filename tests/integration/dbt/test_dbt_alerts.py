"""Tests of the alerts made from dbt's results: the rows behind a failed test, and warnings."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cosmos import ProfileConfig

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.orchestration.alerts.callbacks import origin_of
from spotify_pipeline.orchestration.dbt import results
from spotify_pipeline.orchestration.dbt.operators import RunDataTest
from spotify_pipeline.orchestration.dbt.results import WARNING_KEY, BadData, node_results, note_warnings
from spotify_pipeline.settings import PROJECT_ROOT
from tests.integration.dbt.dbt_warehouse import Warehouse, fill

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PROFILE = ProfileConfig("spotify", "warehouse", profiles_yml_filepath=PROJECT_ROOT / "dbt" / "profiles.yml")
TEST = "source_spotify_id_spotify_tracks_track_id"


@pytest.fixture
def context() -> dict[str, Any]:
    pushed: dict[str, str] = {}

    def push(*, key: str, value: str) -> None:
        pushed[key] = value

    instance = SimpleNamespace(
        dag_id="d", run_id="r", task_id="t", map_index=-1, log_url="http://l", xcom_push=push
    )
    run = SimpleNamespace(partition_key="2026-11-05", run_after=datetime(2026, 11, 5, tzinfo=UTC))
    return {"ti": instance, "dag_run": run, "run_id": "r", "pushed": pushed}


def test_a_failed_test_names_table_and_query_of_its_rows(
    warehouse: Warehouse, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fill(warehouse, extended=False)
    warehouse.execute("update staging.tracks set track_id = 'short' where name = 'Ruby'")
    result = warehouse.dbt("test", "--select", TEST)
    operator = RunDataTest(task_id="test", profile_config=PROFILE, project_dir=str(PROJECT_ROOT / "dbt"))
    with caplog.at_level(logging.ERROR), pytest.raises(BadData) as caught:
        operator.handle_exception_dbt_runner(result)
    alert = caught.value.alert_from(origin_of(context))
    assert (alert.cause, alert.subject) == ("DataTestFailed", TEST)
    table = alert.action.split("rows in ")[1].split(";")[0]
    assert table.endswith(f"dbt_audit.{TEST}")
    assert "short" in str(warehouse.query(f"select * from {table}", role="spotify_dbt"))
    assert f"compiled SQL of {TEST}" in caplog.text
    assert "from" in caplog.text.split("compiled SQL of")[1].lower()


def test_a_warning_test_succeeds_and_sends_an_alert(
    warehouse: Warehouse, context: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Alert] = []
    monkeypatch.setattr(results, "notify", sent.append)
    fill(warehouse, extended=False)
    warehouse.execute("delete from staging.albums where name = 'Solo'", role="spotify_owner")
    warehouse.execute("delete from staging.album_observations where name = 'Solo'", role="spotify_owner")

    result = warehouse.dbt("build")
    with caplog.at_level(logging.WARNING):
        note_warnings(result.result.results, context)

    assert result.success
    warned = [node for node in node_results(result.result.results) if node.status == "warn"]
    assert warned
    assert sorted(alert.subject for alert in sent) == sorted(
        outcome.node.name for outcome in result.result.results if str(outcome.status) == "warn"
    )
    assert {(alert.cause, alert.severity) for alert in sent} == {("DataTestWarned", "warning")}
    assert len(sent) == len(warned)
    assert "Got" in context["pushed"][WARNING_KEY]
    assert "warns" in caplog.text
