"""Tests the alerts about sources: each failure is sent once, by the task in which it happens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.errors import ApiUnavailable, ConfigurationError, QuarantineShareExceeded
from spotify_pipeline.orchestration.alerts import sources as source_alerts
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.group import SourceState, for_each
from spotify_pipeline.stages.reconcile import Verdict
from spotify_pipeline.stages.runtime import Runtime

DAY = date(2026, 11, 5)
GOOD = KindCounts(fetched=100, loaded=100)


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    found: list[Alert] = []
    monkeypatch.setattr(source_alerts, "notify", found.append)
    instance = SimpleNamespace(
        dag_id="spotify_ingest", run_id="r", task_id="load", map_index=-1, log_url="http://l"
    )
    run = SimpleNamespace(partition_key="2026-11-05", run_after=datetime(2026, 11, 5, tzinfo=UTC))
    monkeypatch.setattr(
        source_alerts, "get_current_context", lambda: {"ti": instance, "dag_run": run, "run_id": "r"}
    )
    return found


def runtime(login: Any = None, **settings: Any) -> Runtime:
    return cast("Runtime", SimpleNamespace(settings=Settings(**settings), login=lambda _name: login))


def verdict(
    states: list[SourceState],
    *,
    partial: Mapping[str, str] | None = None,
    failed: Mapping[str, str] | None = None,
) -> None:
    found = Verdict(partial=dict(partial or {}), failed=dict(failed or {}))
    source_alerts.notify_reconciled(runtime(), DAY, found, states)


def test_a_failed_source_has_an_alert_and_the_others_continue(sent: list[Alert]) -> None:
    def work(state: SourceState) -> SourceState:
        if state.source == "bad":
            raise QuarantineShareExceeded("80 % of source 'bad' break the contract")
        return state

    states = [SourceState("bad"), SourceState("good")]
    done = for_each(states, source_alerts.with_alerts(work, tries_left=False), tries_left=False)
    assert [state.failed for state in done] == [True, False]
    [alert] = sent
    assert (alert.cause, alert.subject) == ("QuarantineShareExceeded", "source bad")


@pytest.mark.parametrize(("tries_left", "alerts"), [(True, 0), (False, 1)])
def test_a_transient_error_sends_an_alert_on_the_last_try(
    sent: list[Alert], tries_left: bool, alerts: int
) -> None:
    def work(state: SourceState) -> SourceState:
        raise ApiUnavailable("Spotify responds with 503")

    with pytest.raises(ApiUnavailable):
        for_each(
            [SourceState("one")],
            source_alerts.with_alerts(work, tries_left=tries_left),
            tries_left=tries_left,
        )
    assert len(sent) == alerts


def test_a_source_that_fails_without_an_error_has_an_alert(sent: list[Alert]) -> None:
    def work(state: SourceState) -> SourceState:
        return SourceState(state.source, "failed", "Spotify knows no artist x (404)")

    source_alerts.with_alerts(work, tries_left=True)(SourceState("one"))
    assert [(alert.cause, alert.happened) for alert in sent] == [
        ("SourceFailed", "Spotify knows no artist x (404)")
    ]


def test_reconcile_sends_only_failures_that_it_finds_itself(sent: list[Alert]) -> None:
    states = [
        SourceState("wrong sum", "complete", None, {"track": GOOD}),
        SourceState("failed before", "failed", "sent by its task"),
    ]
    failed = {"wrong sum": "the counts do not add up", "failed before": "…", "never came": "…"}
    verdict(states, failed=failed)
    assert [alert.subject for alert in sent] == ["source wrong sum"]


def test_partial_sources_are_one_alert(sent: list[Alert]) -> None:
    verdict([], partial={"a": "bucket GET /x is closed", "b": "bucket GET /x is closed"})
    [alert] = sent
    assert alert.cause == "SourcesPartial"
    assert alert.happened == "bucket GET /x is closed"


@pytest.mark.parametrize(("bad", "alerts"), [(0, 0), (1, 0), (2, 1)])
def test_a_share_above_the_warning_level_has_an_alert(sent: list[Alert], bad: int, alerts: int) -> None:
    counts = {"track": KindCounts(fetched=100, loaded=100 - bad, quarantined=bad)}
    verdict([SourceState("one", "complete", None, counts), SourceState("empty", "complete")])
    assert [alert.cause for alert in sent] == ["QuarantineShare"] * alerts


@pytest.mark.parametrize(("days", "alerts"), [(15, 0), (14, 1), (0, 1), (-3, 1)])
def test_a_login_has_an_alert_in_its_last_two_weeks(sent: list[Alert], days: int, alerts: int) -> None:
    login = SimpleNamespace(
        user_hash="0123456789abcdef",
        ends_on=DAY,
        days_left=lambda today: days,
        connection="spotify_user_anna",
    )
    source_alerts.notify_logins(runtime(SimpleNamespace(read=lambda: login)), DAY, ["anna"])
    assert [alert.cause for alert in sent] == ["LoginEnds"] * alerts
    assert all("auth login --user anna" in alert.action for alert in sent)
    assert not any("0123456789abcdef" in str(alert) for alert in sent)


def test_a_login_that_cannot_be_read_is_ignored(sent: list[Alert]) -> None:
    def refuse() -> None:
        raise ConfigurationError("connection 'spotify_user' has no refresh token")

    source_alerts.notify_logins(runtime(SimpleNamespace(read=refuse)), DAY, [None])
    source_alerts.notify_logins(runtime(None), DAY, [None])
    assert sent == []
