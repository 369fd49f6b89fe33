"""What the tasks of spotify_ingest and spotify_listening tell of their sources."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import date

from airflow.sdk import get_current_context

from spotify_pipeline.alerts import causes
from spotify_pipeline.errors import PipelineError, TransientError
from spotify_pipeline.orchestration.alerts.callbacks import mark_told, place_of, tell
from spotify_pipeline.spotify.login import WARNING_DAYS
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.reconcile import Verdict
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.plays import recent_gaps

log = logging.getLogger(__name__)


def telling(
    work: Callable[[SourceState], SourceState], *, tries_left: bool
) -> Callable[[SourceState], SourceState]:
    """`work` on one source, with an alert where the source fails and is not tried again."""

    def work_and_tell(state: SourceState) -> SourceState:
        try:
            done = work(state)
        except PipelineError as error:
            if not (tries_left and isinstance(error, TransientError)):
                tell(causes.task_failed(place_of(get_current_context()), error, about=state.source))
                mark_told(error)
            raise
        if done.failed and not state.failed:
            tell(
                causes.source_failed(
                    place_of(get_current_context()), done.source, done.message or "no reason"
                )
            )
        return done

    return work_and_tell


def tell_verdict(runtime: Runtime, partition: date, verdict: Verdict, states: Iterable[SourceState]) -> None:
    """What the join found: partial sources, counts that do not add up, quarantine, a login near its end.

    A source that failed before the join, or never came to it, has its alert from the task that failed.
    """
    place = place_of(get_current_context())
    states = list(states)
    for name, message in verdict.failed.items():
        if any(state.source == name and not state.failed for state in states):
            tell(causes.source_failed(place, name, message))
    if verdict.partial:
        tell(causes.sources_partial(place, verdict.partial))
    settings = runtime.settings
    for state in states:
        fetched = sum(counts.fetched for counts in state.counts.values())
        bad = sum(counts.quarantined for counts in state.counts.values())
        if fetched and bad / fetched > settings.quarantine_warning_share:
            tell(causes.quarantine_grew(place, state.source, bad, fetched, settings.quarantine_share))
    tell_login(runtime, partition)


def tell_login(runtime: Runtime, today: date) -> None:
    """A login that ends within two weeks, once per login. `today` is the API's date."""
    try:
        login = None if runtime.login is None else runtime.login.read()
    except PipelineError as error:
        log.info("the login cannot be looked at: %s", error)
        return
    if login is not None and login.days_left(today) <= WARNING_DAYS:
        tell(causes.login_ends(login.user_hash, login.ends_on, login.days_left(today)))


def tell_gaps(runtime: Runtime, today: date) -> None:
    """Spans of plays that may be lost, noticed since yesterday, once each."""
    place = place_of(get_current_context())
    try:
        with naming_the_server(runtime.ingest), connect(runtime.ingest, autocommit=True) as conn:
            gaps = recent_gaps(conn, today)
    except PipelineError as error:
        log.info("gaps cannot be looked at: %s", error)
        return
    for user, start, end in gaps:
        tell(causes.plays_lost(place, user, start, end))
