"""The tasks of spotify_ingest: each calls one step, for one partition or one group of sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.orchestration.runtime import step, tries_are_left
from spotify_pipeline.sources import load_sources
from spotify_pipeline.steps import plan as planning
from spotify_pipeline.steps.fetch import FetchOutcome, fetch_source, reuse, settled
from spotify_pipeline.steps.group import SourceState, for_each
from spotify_pipeline.steps.load import load_source
from spotify_pipeline.steps.reconcile import Verdict, reconcile
from spotify_pipeline.steps.runtime import Runtime
from spotify_pipeline.steps.validate import validate_source
from spotify_pipeline.warehouse.migrate import migrate

Group = dict[str, Any]
"""XCom of a mapped group: `label`, `fetch` and the `states` of its sources."""


def migrate_warehouse() -> str:
    """Bring the warehouse to this code's schema; give its revision."""
    with step() as (runtime, _):
        return migrate(runtime.lookup(WAREHOUSE_OWNER))


def plan_groups() -> list[Group]:
    """Groups of whole sources, one mapped task group each; skips where there is nothing to do."""
    with step() as (runtime, partition):
        plan = planning.plan(runtime, partition)
        planning.register(runtime, plan)
        return [
            {
                "label": group.label,
                "fetch": plan.fetch,
                "states": [SourceState(source).to_dict() for source in group.sources],
            }
            for group in plan.groups
        ]


def fetch_group(group: Group) -> Group:
    """Raw answers and manifests of a group's sources."""
    with step() as (runtime, partition):
        if not group["fetch"]:
            return _each(group, lambda state: _stored(runtime, partition, state))
        sources = {source.name: source for source in load_sources(runtime.settings.sources)}
        with runtime.spotify() as client:

            def fetch(state: SourceState) -> SourceState:
                source = sources.get(state.source)
                if source is None:
                    return _stored(runtime, partition, state)
                outcome = fetch_source(
                    runtime.lake,
                    client,
                    partition,
                    source,
                    concurrency=runtime.settings.fetch_concurrency,
                    tries_left=tries_are_left(),
                    skip_album=settled(runtime.ingest, partition, source.name),
                )
                return _state_of(outcome)

            return _each(group, fetch)


def _stored(runtime: Runtime, partition: date, state: SourceState) -> SourceState:
    """What the raw zone has, where nothing may be fetched any more."""
    manifest = read_manifest(runtime.lake, partition, state.source)
    if manifest is None:
        message = f"source '{state.source}' is no longer in sources.yml and has no raw for {partition}"
        return SourceState(state.source, "failed", message)
    return _state_of(reuse(manifest))


def _state_of(outcome: FetchOutcome) -> SourceState:
    return SourceState(outcome.source, "complete" if outcome.complete else "partial", outcome.message)


def validate_group(group: Group) -> Group:
    """Validated rows and quarantined records of a group's sources."""
    with step() as (runtime, partition):

        def validate(state: SourceState) -> SourceState:
            validate_source(runtime.lake, partition, state.source)
            return state

        return _each(group, validate)


def load_group(group: Group) -> Group:
    """Staging rows of a group's sources."""
    with step() as (runtime, partition):
        return _each(group, lambda state: load_source(runtime, partition, state.source))


def _each(group: Group, work: Callable[[SourceState], SourceState]) -> Group:
    # read by map_index_template: the group's name in the grid
    get_current_context()["label"] = group["label"]
    states = for_each(
        [SourceState.from_dict(fields) for fields in group["states"]], work, tries_left=tries_are_left()
    )
    return {**group, "states": [state.to_dict() for state in states]}


def reconcile_groups(
    planned: list[Group] | None, loaded: Iterable[Group | None], asset: Any
) -> dict[str, Any]:
    """Join the groups, check the counts, and say to the asset what it stands for.

    `planned` is None where the plan was skipped or failed: then there is nothing to join.
    """
    if not planned:
        raise AirflowSkipException("nothing was planned")
    with step() as (runtime, partition):
        names = [state["source"] for group in planned for state in group["states"]]
        states = [
            SourceState.from_dict(fields)
            for group in loaded
            if group is not None
            for fields in group["states"]
        ]
        verdict = reconcile(runtime, partition, names, states)
        summary = {
            "complete": verdict.complete,
            "partial": verdict.partial,
            "failed": verdict.failed,
        }
        get_current_context()["outlet_events"][asset].extra = summary
        return summary


def conclude(summary: dict[str, Any]) -> str:
    """End the run red where a source failed; the others are loaded and passed on."""
    with step() as (_, partition):
        Verdict(**summary).raise_failures(partition.isoformat())
        return f"{len(summary['complete'])} sources complete, {len(summary['partial'])} partial"
