"""Tasks of spotify_listening, which read the listening histories every hour, without a partition.

A listener whose login fails does not stop the others: their plays are loaded, and then the run fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.connections import WAREHOUSE_OWNER, user_connection
from spotify_pipeline.errors import ConfigurationError, SourcesFailed
from spotify_pipeline.lake import keys
from spotify_pipeline.orchestration import lineage
from spotify_pipeline.orchestration.alerts.callbacks import mark_notified
from spotify_pipeline.orchestration.alerts.sources import notify_gaps, notify_logins, with_alerts
from spotify_pipeline.orchestration.runtime import running, tries_are_left
from spotify_pipeline.stages.group import SourceState, for_each
from spotify_pipeline.stages.listening import Reading, fetch_plays, listeners, load_plays, reason_not_read
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.stages.validate import validate_source
from spotify_pipeline.warehouse.migrate import migrate

log = logging.getLogger(__name__)
Readings = dict[str, Any]
"""XCom: the `states` of the readings, one a listener, and their `partitions` by source."""


def fetch() -> Readings:
    """Fetch the plays that Spotify has of each listener into the raw zone; skip the task without a login."""
    with running() as runtime:
        names = _logged_in(runtime)
        migrate(runtime.lookup(WAREHOUSE_OWNER))
        partitions: dict[str, str] = {}

        def read(state: SourceState) -> SourceState:
            reading = fetch_plays(runtime, names[state.source])
            partitions[reading.source] = reading.partition.isoformat()
            return SourceState(reading.source)

        # before it is read, a history is named after the connection of its listener
        states = _each(list(map(SourceState, names)), read)
        today = keys.parse_partition(max(partitions.values()))
        notify_logins(runtime, today, names.values())
        lineage.fetched(runtime.lookup, today, [state for state in states if not state.failed])
        return {"states": [state.to_dict() for state in states], "partitions": partitions}


def validate(readings: Readings) -> Readings:
    """Validate the raw plays; bad ones are quarantined with a reason."""
    with running() as runtime:

        def check(state: SourceState) -> SourceState:
            where = _reading(readings, state)
            validate_source(runtime.lake, where.partition, where.source)
            lineage.validated(runtime.lookup, where.partition, [state])
            return state

        return {**readings, "states": [state.to_dict() for state in _each(_states(readings), check)]}


def load(readings: Readings) -> list[dict[str, Any]]:
    """Load the plays into staging, advance the cursors, and record possible gaps.

    Raises:
        SourcesFailed: the history of a listener could not be read; the others are loaded.
    """
    with running() as runtime:

        def load_one(state: SourceState) -> SourceState:
            return load_plays(runtime, _reading(readings, state))

        states = _each(_states(readings), load_one)
        today = keys.parse_partition(max(readings["partitions"].values()))
        notify_gaps(runtime, today)
        lineage.loaded(runtime.lookup, today, [state for state in states if not state.failed])
        failed = [f"{state.source}: {state.message}" for state in states if state.failed]
        if failed:
            error = SourcesFailed(
                f"{len(failed)} of {len(states)} listening histories failed: {'; '.join(failed)}"
            )
            mark_notified(error)  # each has an alert from its own task
            raise error
        return [state.to_dict() for state in states]


def _logged_in(runtime: Runtime) -> dict[str, str | None]:
    """Return the name of each listener whose history can be read, by connection.

    Raises:
        AirflowSkipException: there is no such listener.
    """
    ready: dict[str, str | None] = {}
    reasons = []
    for name in listeners(runtime):
        try:
            reason = reason_not_read(runtime, name)
        except ConfigurationError:
            reason = None  # the reading fails with it
        if reason is None:
            ready[user_connection(name)] = name
        else:
            log.info("%s", reason)
            reasons.append(reason)
    if not ready:
        raise AirflowSkipException("; ".join(reasons))
    return ready


def _each(states: list[SourceState], work: Callable[[SourceState], SourceState]) -> list[SourceState]:
    tries_left = tries_are_left()
    return for_each(states, with_alerts(work, tries_left=tries_left), tries_left=tries_left)


def _states(readings: Readings) -> list[SourceState]:
    return [SourceState.from_dict(fields) for fields in readings["states"]]


def _reading(readings: Readings, state: SourceState) -> Reading:
    return Reading(keys.parse_partition(readings["partitions"][state.source]), state.source)
