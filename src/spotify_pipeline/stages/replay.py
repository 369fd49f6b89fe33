"""Replays stored raw: validates and loads it again with the current schemas and code.

It makes no call to Spotify. An ingest of the same partition takes precedence: the replay does not take its
lease, and writes nothing if one began meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from spotify_pipeline.errors import NothingRetained, PartitionBusy
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.lake.partitions import partitions, stored_sources
from spotify_pipeline.stages.group import SourceState, for_each
from spotify_pipeline.stages.load import LOAD, REPLAY, load_source
from spotify_pipeline.stages.plays import check_reading, is_listening
from spotify_pipeline.stages.reconcile import Verdict, reconcile
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.stages.validate import validate_source
from spotify_pipeline.warehouse import lease
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.load_log import newest_runs

log = logging.getLogger(__name__)
WHOLE_PARTITION = "_all"
"""Source of the lease that a planned replay takes, so that maintenance does not delete its partition."""
_VALIDATIONS = 3


@dataclass(frozen=True)
class Replay:
    """A partition to replay, and its sources to replay."""

    partition: date
    sources: tuple[str, ...]


def spans_of(planned: Sequence[Replay], size: int) -> list[list[Replay]]:
    """Cut a plan into spans of `size` dates; the last one can be shorter."""
    return [list(planned[start : start + size]) for start in range(0, len(planned), size)]


def retained_sources(lake: Lake, first: date, last: date) -> dict[date, list[str]]:
    """Return the sources that have raw, by partition from `first` to `last`, both included.

    Raises:
        LakeUnavailable, BucketMissing, ConfigurationError: see `Lake`.
    """
    dates = [partition for partition in partitions(lake, keys.RAW) if first <= partition <= last]
    return {partition: stored for partition in dates if (stored := stored_sources(lake, partition))}


def plan_replay(runtime: Runtime, first: date, last: date, names: Collection[str] = ()) -> list[Replay]:
    """Return the partitions and sources of a range that have raw, and take a lease on each partition.

    Args:
        runtime: settings and connections.
        first: first date.
        last: last date, included.
        names: sources; all if empty. `_listening` selects the readings of all hours.

    Raises:
        NothingRetained: the range is empty, or has no raw.
        LakeUnavailable, WarehouseUnavailable, ConfigurationError: the store or the warehouse cannot be used.
    """
    if first > last:
        raise NothingRetained(f"the range begins on {first} and ends on {last}, before it: swap the dates")
    planned = []
    for partition, stored in retained_sources(runtime.lake, first, last).items():
        wanted = [source for source in stored if not names or _named(source, names)]
        if wanted:
            planned.append(Replay(partition, tuple(wanted)))
    if not planned:
        raise NothingRetained(_nothing(runtime.lake, first, last, names))
    for replay in planned:
        lease.acquire(runtime.ingest, REPLAY, replay.partition, WHOLE_PARTITION, runtime.attempt.holder)
    return planned


def replay_source(runtime: Runtime, partition: date, source: str) -> SourceState:
    """Validate and load the stored raw of a source again; equal raw and code change nothing.

    Values that the current code reads differently replace the old ones. Validated and quarantine objects are
    written again, and quarantined records that pass now are marked as resolved.

    Raises:
        DamagedObject: there is no manifest, or a raw object is absent or was altered.
        PartitionBusy: an ingest of this source and partition began meanwhile.
        QuarantineShareExceeded, RowRefused, SchemaVersionError, WarehouseUnavailable: see `load_source`.
        ReconciliationError: the counts of a reading of the listening history do not add up.
    """
    fence = lease.fence_of(runtime.ingest, LOAD, partition, source)
    validate_again(runtime.lake, partition, source)
    return check_reading(partition, load_source(runtime, partition, source, fence=fence))


def validate_again(lake: Lake, partition: date, source: str) -> None:
    """Validate a source, again if its manifest changed meanwhile.

    Raises:
        DamagedObject: there is no manifest, or a raw object is absent or was altered.
        PartitionBusy: the source is being fetched.
    """
    before = read_manifest(lake, partition, source)
    for _ in range(_VALIDATIONS):
        validate_source(lake, partition, source)
        after = read_manifest(lake, partition, source)
        if after == before:
            return
        before = after
    raise PartitionBusy(f"source '{source}' of {partition} is being fetched: replay it when that has ended")


def replay_partition(runtime: Runtime, replay: Replay, *, tries_left: bool = False) -> list[SourceState]:
    """Replay the sources of a partition one after the other; a source that fails does not stop the others.

    Raises:
        TransientError, PipelineError: see `for_each`.
    """
    return for_each(
        [SourceState(source) for source in replay.sources],
        lambda state: replay_source(runtime, replay.partition, state.source),
        tries_left=tries_left,
    )


def reconcile_replay(runtime: Runtime, partition: date, states: Sequence[SourceState]) -> Verdict:
    """Check the counts of replayed sources and write them to ops.reconciliation, as the ingest does.

    A source that another run has loaded since keeps that run's counts.

    Raises:
        ReconciliationError: no source was loaded.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    loaded_since = _loaded_by_others(runtime, partition, states)
    # a reading of the listening history is not in ops.reconciliation; a detail queue may have been empty
    uncounted = [s for s in states if is_listening(s.source) or not (s.counts or s.failed)]
    counted = [s for s in states if s not in uncounted and s.source not in loaded_since]
    verdict = reconcile(runtime, partition, [state.source for state in counted], counted)
    for state in uncounted:
        if state.failed:
            verdict.failed[state.source] = state.message or "failed"
        else:
            verdict.complete.append(state.source)
    return verdict


def _loaded_by_others(runtime: Runtime, partition: date, states: Iterable[SourceState]) -> set[str]:
    loaded = [state.source for state in states if not state.failed]
    with connect(runtime.ingest, autocommit=True) as conn:
        runs = newest_runs(conn, partition, loaded)
    return {source for source, run_id in runs.items() if run_id != runtime.attempt.run_id}


def _named(source: str, names: Collection[str]) -> bool:
    return source in names or (is_listening(source) and source.partition("-")[0] in names)


def _nothing(lake: Lake, first: date, last: date, names: Collection[str]) -> str:
    dates = partitions(lake, keys.RAW)
    oldest = next((date_ for date_ in dates if stored_sources(lake, date_)), None)
    newest = next((date_ for date_ in reversed(dates) if stored_sources(lake, date_)), None)
    what = f"of {', '.join(sorted(names))} " if names else ""
    where = f"the oldest raw is of {oldest}, the newest of {newest}" if oldest else "no raw is kept at all"
    return f"nothing {what}is kept from {first} to {last}: {where}"
