"""Validates quarantined records again with the current schemas, and loads those that pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.json_reading import read_json
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.lake.partitions import partitions
from spotify_pipeline.lake.validation_summary import parse_quarantine
from spotify_pipeline.stages.replay import Replay, reconcile_replay, replay_partition
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.quarantine import Filters, Quarantined, find


@dataclass
class QuarantineReplay:
    """Records that pass now, records that still fail, and messages about sources that were not replayed."""

    passed: list[Quarantined] = field(default_factory=list)
    still: list[Quarantined] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def open_records(runtime: Runtime, filters: Filters) -> list[Quarantined]:
    """Return the quarantined records that match the filters.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with connect(runtime.ingest) as conn:
        return find(conn, filters)


def affected_partitions(lake: Lake, records: Iterable[Quarantined]) -> list[Replay]:
    """Return the partitions in which the records were quarantined, oldest first, with their sources.

    A row of the warehouse has the newest partition only; the quarantine zone has all.

    Raises:
        LakeUnavailable, BucketMissing, ConfigurationError: see `Lake`.
    """
    wanted: dict[tuple[str, str | None], list[Quarantined]] = defaultdict(list)
    for record in records:
        wanted[record.source, record.user].append(record)
    found: dict[date, set[str]] = defaultdict(set)
    zone = partitions(lake, keys.QUARANTINE)
    for (source, user), members in wanted.items():
        first = min(record.first_seen_at.date() for record in members)
        last = max(record.partition for record in members)
        refused = {record.record[1:] for record in members}
        for partition in zone:
            if first <= partition <= last and refused & _refused(lake, partition, source, user):
                found[partition].add(source)
        for record in members:
            found[record.partition].add(source)
    return [Replay(partition, tuple(sorted(found[partition]))) for partition in sorted(found)]


def _refused(lake: Lake, partition: date, source: str, user: str | None) -> set[tuple[str, str, str]]:
    stored = lake.find(keys.quarantine_key(partition, source, user))
    lines = parse_quarantine(stored.data) if stored else ()
    return {(line.record_kind, line.record_key, line.pointer) for line in lines}


def replay(runtime: Runtime, records: list[Quarantined]) -> QuarantineReplay:
    """Replay the sources and partitions of some records; a repeated replay changes nothing.

    Raises:
        LakeUnavailable, WarehouseUnavailable, BucketMissing, ConfigurationError: a store cannot be used.
    """
    outcome = QuarantineReplay()
    for planned in affected_partitions(runtime.lake, records):
        try:
            states = replay_partition(runtime, planned)
            verdict = reconcile_replay(runtime, planned.partition, states)
            reasons = verdict.failed
        except PipelineError as error:
            reasons = {", ".join(planned.sources): str(error)}
        outcome.failures += [f"{planned.partition} {name}: {why}" for name, why in sorted(reasons.items())]
    before = {record.record: record for record in records}
    after = {record.record: record for record in open_records(runtime, Filters())}
    outcome.still = [after[record] for record in before if record in after]
    outcome.passed = [known for record, known in before.items() if record not in after]
    return outcome


def read_record(lake: Lake, quarantined: Quarantined) -> Any:
    """Return the record as Spotify sent it: a parsed value, or bytes if the response is not JSON.

    Raises:
        DamagedObject: the raw response is no longer kept.
        LakeUnavailable, BucketMissing, ConfigurationError: see `Lake`.
    """
    data = lake.get(quarantined.raw_key).data
    try:
        value = read_json(data)
    except ValueError:
        return data
    for part in quarantined.pointer.split("/")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return value  # the response was altered since: the nearest value that exists
    return value
