"""Tasks of spotify_ingest; each runs one stage for a partition or a group of sources."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.errors import ReconciliationError, SourcesFailed
from spotify_pipeline.orchestration import lineage
from spotify_pipeline.orchestration.alerts.callbacks import mark_notified
from spotify_pipeline.orchestration.alerts.sources import notify_reconciled, with_alerts
from spotify_pipeline.orchestration.metrics import count_sources
from spotify_pipeline.orchestration.runtime import running_partition_or_today, tries_are_left
from spotify_pipeline.orchestration.tasks.retry_state import RetryState
from spotify_pipeline.sources import load_sources
from spotify_pipeline.stages import plan as planning
from spotify_pipeline.stages.clients import Clients
from spotify_pipeline.stages.details import DETAILS, details_source
from spotify_pipeline.stages.fetch import FetchOutcome, fetch_source, stored_state, time_to_resume
from spotify_pipeline.stages.group import SourceState, for_each
from spotify_pipeline.stages.load import load_source
from spotify_pipeline.stages.reconcile import Verdict, reconcile
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.stages.validate import validate_source
from spotify_pipeline.warehouse.migrate import migrate

log = logging.getLogger(__name__)
_AFTER_DEADLINE = timedelta(seconds=1)
Group = dict[str, Any]
"""XCom of a mapped group: `label`, `fetch` and the `states` of its sources."""


def migrate_warehouse() -> str:
    """Upgrade the warehouse to this code's schema and return its revision."""
    with running_partition_or_today() as (runtime, _):
        return migrate(runtime.lookup(WAREHOUSE_OWNER))


def plan_groups() -> list[Group]:
    """Return groups of whole sources, one for each mapped task group; skip the task if there is no work."""
    with running_partition_or_today() as (runtime, partition):
        plan = planning.plan(runtime, partition)
        planning.register(runtime, plan)
        lineage.wrote_tables(runtime.lookup, partition, "ops.source")
        return [
            {
                "label": group.label,
                "fetch": plan.fetch,
                "states": [SourceState(source).to_dict() for source in group.sources],
            }
            for group in plan.groups
        ]


def fetch_group(group: Group) -> Group:
    """Fetch raw responses and write the manifests of a group's sources."""
    with running_partition_or_today() as (runtime, partition):
        if not group["fetch"]:
            return _each(group, lambda state: stored_state(runtime.lake, partition, state.source))
        sources = {source.name: source for source in load_sources(runtime.settings.sources)}
        outcomes: list[FetchOutcome] = []
        with Clients(runtime) as clients:

            def fetch(state: SourceState) -> SourceState:
                source = sources.get(state.source)
                if source is None:
                    return stored_state(runtime.lake, partition, state.source)
                outcome = fetch_source(runtime, clients, partition, source, tries_left=tries_are_left())
                outcomes.append(outcome)
                return outcome.state

            retry_state = RetryState(get_current_context())
            with retry_state.kept_for_a_retry():
                done = _each(group, retry_state.once(fetch))
            lineage.fetched(runtime.lookup, partition, _states(done))
            _release_slot(runtime, clients, outcomes)
            return done


def fetch_details(planned: list[Group] | None) -> Group:
    """Fetch the tracks of the detail queue, after the loads of the sources have filled it."""
    if not planned:
        raise AirflowSkipException("nothing was planned")
    group: Group = {"label": DETAILS, "fetch": planned[0]["fetch"], "states": []}
    if not group["fetch"]:  # a partition from raw: the plan has stored details among its sources
        return group
    with running_partition_or_today() as (runtime, partition), Clients(runtime) as clients:
        source = details_source(runtime, clients.app, partition)
        if source is None:
            return group
        outcomes: list[FetchOutcome] = []

        def fetch(_: SourceState) -> SourceState:
            outcome = fetch_source(runtime, clients, partition, source, tries_left=tries_are_left())
            outcomes.append(outcome)
            return outcome.state

        done = _each({**group, "states": [SourceState(DETAILS).to_dict()]}, fetch)
        lineage.fetched(runtime.lookup, partition, _states(done))
        _release_slot(runtime, clients, outcomes)
        return done


def _release_slot(runtime: Runtime, clients: Clients, outcomes: Iterable[FetchOutcome]) -> None:
    """End this attempt if a closed bucket opens soon; the slot is free until then, and no try is used.

    Raises:
        AirflowRescheduleException: the task starts again at that time, and stored responses are not fetched.
    """
    wait = time_to_resume(runtime, clients, outcomes)
    if wait is not None:
        log.info("a bucket of the Web API is closed: the task continues in %s", wait)
        raise AirflowRescheduleException(datetime.now(UTC) + wait + _AFTER_DEADLINE)


def validate_group(group: Group) -> Group:
    """Validate the raw responses of a group's sources."""
    with running_partition_or_today() as (runtime, partition):

        def validate(state: SourceState) -> SourceState:
            validate_source(runtime.lake, partition, state.source)
            return state

        done = _each(group, validate)
        lineage.validated(runtime.lookup, partition, _states(done))
        return done


def load_group(group: Group) -> Group:
    """Load the validated rows of a group's sources into staging."""
    with running_partition_or_today() as (runtime, partition):
        done = _each(group, lambda state: load_source(runtime, partition, state.source))
        lineage.loaded(runtime.lookup, partition, _states(done))
        return done


def _each(group: Group, work: Callable[[SourceState], SourceState]) -> Group:
    # read by map_index_template: the group's name in the grid
    get_current_context()["label"] = group["label"]
    tries_left = tries_are_left()
    states = for_each(
        _states(group),
        with_alerts(work, tries_left=tries_left),
        tries_left=tries_left,
    )
    return {**group, "states": [state.to_dict() for state in states]}


def _states(group: Group) -> list[SourceState]:
    return [SourceState.from_dict(fields) for fields in group["states"]]


def reconcile_groups(
    planned: list[Group] | None, loaded: Iterable[Group | None], details: Group | None, asset: Any
) -> dict[str, Any]:
    """Join the groups, check the counts, and write the summary into the asset's event.

    Args:
        planned: groups of the plan; None if it was skipped or failed.
        loaded: groups after the load; None for a group with a failed task.
        details: the group of details; None if one of its tasks failed.
        asset: the asset to emit.
    """
    if not planned:
        raise AirflowSkipException("nothing was planned")
    with running_partition_or_today() as (runtime, partition):
        names = [state["source"] for group in planned for state in group["states"]]
        names += [DETAILS] if details is None else [state["source"] for state in details["states"]]
        states = [
            SourceState.from_dict(fields)
            for group in (*loaded, details)
            if group is not None
            for fields in group["states"]
        ]
        try:
            verdict = reconcile(runtime, partition, names, states)
        except ReconciliationError as error:
            mark_notified(error)  # each source that it names has an alert
            raise
        notify_reconciled(runtime, partition, verdict, states)
        count_sources(states, verdict)
        lineage.wrote_tables(runtime.lookup, partition, "ops.reconciliation")
        summary = {
            "complete": verdict.complete,
            "partial": verdict.partial,
            "failed": verdict.failed,
        }
        event = get_current_context()["outlet_events"][asset]
        event.extra = summary
        if get_current_context()["dag_run"].partition_key is None:
            event.add_partitions(partition.isoformat())  # otherwise the event gets the key of the run
        return summary


def conclude(summary: dict[str, Any]) -> str:
    """Fail the run if a source failed; the others are loaded and published."""
    with running_partition_or_today() as (_, partition):
        try:
            Verdict(**summary).raise_failures(partition.isoformat())
        except SourcesFailed as error:
            mark_notified(error)  # each source has an alert from its own task
            raise
        return f"{len(summary['complete'])} sources complete, {len(summary['partial'])} partial"
