"""Sends alerts about sources, for the tasks of spotify_ingest and spotify_listening."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import date

from airflow.sdk import get_current_context

from spotify_pipeline.alerts import causes
from spotify_pipeline.errors import PipelineError, TransientError
from spotify_pipeline.orchestration.alerts.callbacks import mark_notified, notify, origin_of
from spotify_pipeline.spotify.login import WARNING_DAYS
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.listening import listeners
from spotify_pipeline.stages.reconcile import Verdict
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.plays import days_with_gaps

log = logging.getLogger(__name__)


def with_alerts(
    work: Callable[[SourceState], SourceState], *, tries_left: bool
) -> Callable[[SourceState], SourceState]:
    """Wrap the work on one source so that it sends an alert if the source fails and is not retried."""

    def work_and_notify(state: SourceState) -> SourceState:
        try:
            done = work(state)
        except PipelineError as error:
            if not (tries_left and isinstance(error, TransientError)):
                notify(causes.task_failed(origin_of(get_current_context()), error, about=state.source))
                mark_notified(error)
            raise
        if done.failed and not state.failed:
            notify(
                causes.source_failed(
                    origin_of(get_current_context()), done.source, done.message or "no reason"
                )
            )
        return done

    return work_and_notify


def notify_reconciled(
    runtime: Runtime, partition: date, verdict: Verdict, states: Iterable[SourceState]
) -> None:
    """Send alerts about partial sources, wrong counts, quarantine, and logins that end soon.

    The alert about a source that failed before was sent by the failed task.
    """
    origin = origin_of(get_current_context())
    states = list(states)
    for name, message in verdict.failed.items():
        if any(state.source == name and not state.failed for state in states):
            notify(causes.source_failed(origin, name, message))
    if verdict.partial:
        notify(causes.sources_partial(origin, verdict.partial))
    settings = runtime.settings
    for state in states:
        fetched = sum(counts.fetched for counts in state.counts.values())
        bad = sum(counts.quarantined for counts in state.counts.values())
        if fetched and bad / fetched > settings.quarantine_warning_share:
            notify(causes.quarantine_grew(origin, state.source, bad, fetched, settings.quarantine_share))
    notify_logins(runtime, partition, listeners(runtime))


def notify_logins(runtime: Runtime, today: date, names: Iterable[str | None]) -> None:
    """Send an alert once for each login that ends within two weeks.

    Args:
        runtime: the connections.
        today: the API's date.
        names: names of the users; None for the one of connection `spotify_user`.
    """
    for name in names:
        try:
            store = runtime.login(name)
            login = None if store is None else store.read()
        except PipelineError as error:
            log.info("a login cannot be read: %s", error)
            continue
        if login is not None and login.days_left(today) <= WARNING_DAYS:
            notify(causes.login_ends(login.connection, login.ends_on, login.days_left(today)))


def notify_gaps(runtime: Runtime, today: date) -> None:
    """Send an alert about each gap in plays that was noticed since yesterday, once a day."""
    origin = origin_of(get_current_context())
    try:
        with connect(runtime.ingest, autocommit=True) as conn:
            days = days_with_gaps(conn, today)
    except PipelineError as error:
        log.info("gaps cannot be read: %s", error)
        return
    for noticed_on, connection in days:
        notify(causes.plays_lost(origin, noticed_on, connection))
