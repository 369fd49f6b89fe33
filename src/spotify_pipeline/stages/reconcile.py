"""Reconciles a partition: checks the counts of its sources, and sorts them by status."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.errors import ReconciliationError, SourcesFailed
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.reconciliation import Reconciliation, record_reconciliation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """Sources by status; partial and failed ones with their reason."""

    complete: list[str] = field(default_factory=list)
    partial: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def raise_failures(self, partition: str) -> None:
        """Raise an error if a source failed, so that the run fails.

        Raises:
            SourcesFailed: the message names each failed source and its reason.
        """
        if self.failed:
            reasons = "; ".join(f"{source}: {reason}" for source, reason in sorted(self.failed.items()))
            raise SourcesFailed(f"{len(self.failed)} of the sources of {partition} failed: {reasons}")


def reconcile(
    runtime: Runtime, partition: date, planned: Iterable[str], states: Iterable[SourceState]
) -> Verdict:
    """Check the counts of each source, write them to ops.reconciliation, and sort the sources by status.

    A planned source without a state has failed: its tasks did not end.

    Raises:
        ReconciliationError: no source was loaded.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    checked = [_check_counts(state) for state in _all_states(planned, states)]
    with connect(runtime.ingest) as conn:
        record_reconciliation(conn, (row for state in checked for row in _rows(partition, state)))
    verdict = Verdict()
    for state in checked:
        if state.status == "complete":
            verdict.complete.append(state.source)
        elif state.status == "partial":
            verdict.partial[state.source] = state.message or "stopped early"
        else:
            verdict.failed[state.source] = state.message or "failed"
    # a complete source may list nothing: a search without results, an empty library
    if checked and not verdict.complete and not any(state.counts for state in checked):
        reasons = "; ".join(f"{source}: {reason}" for source, reason in sorted(verdict.failed.items()))
        raise ReconciliationError(f"no source of {partition} was loaded, so no asset is emitted: {reasons}")
    return verdict


def _all_states(planned: Iterable[str], states: Iterable[SourceState]) -> Sequence[SourceState]:
    known = {state.source: state for state in states}
    unfinished = "its tasks did not end: read their logs, then clear the first that failed"
    return [known.get(source) or SourceState(source, "failed", unfinished) for source in sorted(planned)]


def _check_counts(state: SourceState) -> SourceState:
    wrong = [kind for kind, counts in state.counts.items() if not counts.adds_up]
    if not wrong:
        return state
    sums = "; ".join(f"{kind}: {_sum(state.counts[kind])}" for kind in wrong)
    message = f"the counts do not add up ({sums}): nothing may be lost, so clear its validate task"
    log.error("source %s: %s", state.source, message)
    return replace(state, status="failed", message=message)


def _sum(counts: KindCounts) -> str:
    return (
        f"{counts.fetched} fetched, but {counts.loaded} loaded + {counts.quarantined} quarantined + "
        f"{counts.duplicates} duplicates + {counts.set_aside} set aside"
    )


def _rows(partition: date, state: SourceState) -> Iterable[Reconciliation]:
    # a source that failed before its validation still gets a row
    counted = state.counts or {"response": KindCounts()}
    for kind, counts in sorted(counted.items()):
        yield Reconciliation(
            partition=partition,
            source=state.source,
            record_kind=kind,
            fetched=counts.fetched,
            loaded=counts.loaded,
            quarantined=counts.quarantined,
            duplicates=counts.duplicates,
            set_aside=counts.set_aside,
            complete=state.status == "complete",
            status=state.status,
            message=state.message,
        )
