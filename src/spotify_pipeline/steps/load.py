"""Validated rows → staging, in one transaction per source and partition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import LiteralString

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.entries import ENTRY_KINDS
from spotify_pipeline.contract.rows import ROW_KINDS
from spotify_pipeline.errors import DamagedObject, QuarantineShareExceeded
from spotify_pipeline.lake import Lake, Manifest, MissingRecord, keys
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.steps.completeness import parse_begun_albums, parse_complete_albums
from spotify_pipeline.steps.details import DETAILS, asked_ids
from spotify_pipeline.steps.erased import refuse_data_of_erased
from spotify_pipeline.steps.findings import ValidationSummary, parse_quarantine, read_summary
from spotify_pipeline.steps.group import KindCounts, SourceState
from spotify_pipeline.steps.lists import parse_entries, parse_reads
from spotify_pipeline.steps.plays import is_listening, note_plays
from spotify_pipeline.steps.records import read_rows, read_whole
from spotify_pipeline.steps.runtime import Runtime
from spotify_pipeline.warehouse import detail_queue, lease, ops
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.crawl_state import record_begun_albums, record_complete_albums
from spotify_pipeline.warehouse.lists import Lists
from spotify_pipeline.warehouse.load import load_partition
from spotify_pipeline.warehouse.merge import KindCounts as MergedCounts
from spotify_pipeline.warehouse.shapes import record_shapes
from spotify_pipeline.warehouse.table_specs import Occurrence

LOAD, REPLAY = "load", "replay"
"""Steps that take a lease."""
_KNOWN_IDS: dict[str, LiteralString] = {
    "artist": "SELECT artist_id FROM staging.artists WHERE artist_id = ANY(%s)",
    "track": "SELECT track_id FROM staging.tracks WHERE track_id = ANY(%s)",
    "playlist": "SELECT playlist_id FROM staging.playlists WHERE playlist_id = ANY(%s)",
    "album": "SELECT album_id FROM staging.albums WHERE album_id = ANY(%s)",
}


def load_source(
    runtime: Runtime, partition: date, source: str, *, beside_fence: int | None = None
) -> SourceState:
    """Load what the validation of a source accepted, and note what it refused.

    With `beside_fence` (see `lease.fence_of`) it gives way: it takes the lease from no other load, and writes
    nothing if one began since the fence was read.

    Raises:
        PartitionBusy: such a load began.
        QuarantineShareExceeded: too much of the source is bad; its refusals are noted, nothing is loaded.
        DamagedObject: the source was not validated, was fetched again since, or an object of the validation
            is absent or was altered.
        UserErased: it is of an account whose data was erased.
        LeaseLost, RowRefused, SchemaVersionError, WarehouseUnavailable: see `load_partition`.
    """
    lake, attempt = runtime.lake, runtime.attempt
    manifest, summary = _inputs(lake, partition, source)
    quarantined = _quarantined(lake, summary)
    lists = _lists(lake, summary)
    limit = runtime.settings.quarantine_share
    if summary.quarantined_share > limit:
        _note_refusals(runtime.ingest, summary, quarantined)
        raise QuarantineShareExceeded(_share_message(summary, limit))
    step = LOAD if beside_fence is None else REPLAY
    held = lease.acquire(runtime.ingest, step, partition, source, attempt.holder)
    outcome = load_partition(
        runtime.ingest,
        partition,
        source,
        _occurrences(lake, summary),
        lease=held,
        run_id=attempt.run_id,
        try_number=attempt.try_number,
        complete=manifest.complete,
        quarantined=quarantined,
        before_commit=_notes(runtime, manifest, summary, lists, beside_fence),
    )
    counts = _counts(summary, {**outcome.kinds, **lists.counts})
    unknown = _never_seen(runtime.ingest, manifest.missing)
    if unknown:
        return SourceState(source, "failed", _unknown_message(source, unknown), counts)
    if not manifest.complete:
        return SourceState(source, "partial", manifest.stopped_by, counts)
    return SourceState(source, "complete", None, counts)


def _notes(
    runtime: Runtime, manifest: Manifest, summary: ValidationSummary, lists: Lists, beside_fence: int | None
) -> Callable[[psycopg.Connection, int], None]:
    """Lists, and what the next crawl goes by, written with the rows that they speak of."""
    where = (manifest.partition, manifest.source, manifest.user)
    albums = parse_complete_albums(_validated(runtime.lake, summary, keys.complete_albums_key(*where)))
    begun = parse_begun_albums(_validated(runtime.lake, summary, keys.begun_albums_key(*where)))

    def note(conn: psycopg.Connection, load_seq: int) -> None:
        if manifest.user is not None:
            refuse_data_of_erased(conn, manifest.user)
        lists.load(conn, load_seq)
        record_shapes(conn, summary.partition, summary.source, summary.shapes)
        record_complete_albums(
            conn, manifest.source, albums, refresh_days=runtime.settings.album_refresh_days
        )
        record_begun_albums(conn, manifest.source, manifest.partition, begun)
        detail_queue.enqueue(conn, load_seq)
        if is_listening(manifest.source):
            fetched = summary.counts["play"].fetched if "play" in summary.counts else 0
            note_plays(conn, manifest, fetched, lists.played_at)
        if manifest.source == DETAILS:
            detail_queue.close(conn, asked_ids(manifest), manifest.partition)
            missing = [record.requested_id for record in manifest.missing]
            detail_queue.note_unanswered(conn, missing, manifest.partition)
        if beside_fence is not None:
            lease.check_untouched(conn, LOAD, manifest.partition, manifest.source, beside_fence)

    return note


def _inputs(lake: Lake, partition: date, source: str) -> tuple[Manifest, ValidationSummary]:
    manifest = read_manifest(lake, partition, source)
    if manifest is None:
        raise DamagedObject(
            f"source '{source}' has no manifest for {partition}: nothing was fetched; clear its fetch task"
        )
    summary = read_summary(lake, partition, source, manifest.user)
    if summary.manifest_sha256 != manifest.content_sha256:
        raise DamagedObject(
            f"source '{source}' was fetched again since {partition} was validated: clear its validate task"
        )
    return manifest, summary


def _validated(lake: Lake, summary: ValidationSummary, key: str) -> bytes:
    """An object of the validation; empty where it wrote none."""
    digest = summary.objects.get(key)
    return b"" if digest is None else read_whole(lake, key, digest)


def _occurrences(lake: Lake, summary: ValidationSummary) -> Iterator[Occurrence]:
    for kind in ROW_KINDS:
        key = keys.validated_key(summary.partition, summary.source, kind, summary.user)
        digest = summary.objects.get(key)
        if digest is None:  # no record of that kind, and none was mentioned
            continue
        for row in read_rows(lake, kind, key, digest):
            fields = {name: value for group in row.groups.values() for name, value in group.items()}
            yield Occurrence(kind, row.key, row.rank, row.observed_at, row.raw_key, fields, row.stub)


def _lists(lake: Lake, summary: ValidationSummary) -> Lists:
    where = (summary.partition, summary.source)
    entries = [
        entry
        for kind in ENTRY_KINDS.values()
        if kind in summary.counts
        for entry in parse_entries(_validated(lake, summary, keys.validated_key(*where, kind, summary.user)))
    ]
    return Lists(parse_reads(_validated(lake, summary, keys.lists_key(*where, summary.user))), entries)


def _counts(summary: ValidationSummary, loaded: Mapping[str, MergedCounts]) -> dict[str, KindCounts]:
    counts = {}
    for kind, judged in summary.counts.items():
        merged = loaded.get(kind)
        counts[kind] = KindCounts(
            fetched=judged.fetched,
            loaded=merged.loaded if merged else 0,
            quarantined=judged.quarantined,
            duplicates=merged.duplicates if merged else 0,
            set_aside=judged.set_aside,
        )
    return counts


def _quarantined(lake: Lake, summary: ValidationSummary) -> list[ops.QuarantinedRecord]:
    key = keys.quarantine_key(summary.partition, summary.source, summary.user)
    return [
        ops.QuarantinedRecord(
            source=summary.source,
            record_kind=record.record_kind,
            record_key=record.record_key,
            pointer=record.pointer,
            reason_code=record.reason_code,
            partition=summary.partition,
            schema_version=record.schema_version,
            raw_key=record.raw_key,
            message=record.message,
            seen_at=record.observed_at,
        )
        for record in parse_quarantine(_validated(lake, summary, key))
    ]


def _note_refusals(
    info: ConnectionInfo, summary: ValidationSummary, quarantined: Sequence[ops.QuarantinedRecord]
) -> None:
    with naming_the_server(info), connect(info) as conn:
        ops.record_quarantined(conn, quarantined)
        ops.resolve_quarantined(conn, summary.source, summary.partition, quarantined)
        record_shapes(conn, summary.partition, summary.source, summary.shapes)


def _share_message(summary: ValidationSummary, limit: float) -> str:
    reasons = sorted(summary.reasons.items(), key=lambda item: (-item[1], item[0]))[:3]
    shown = ", ".join(f"{code} ({count})" for code, count in reasons)
    return (
        f"{summary.quarantined_share:.1%} of source '{summary.source}' on {summary.partition} breaks the "
        f"contract, more than the {limit:.0%} allowed, so nothing of it was loaded: {shown}; see "
        f"`spotify-pipeline quarantine list --source {summary.source}`, mend the contract or raise "
        "SPOTIFY_PIPELINE_QUARANTINE_SHARE, and clear its validate task"
    )


def _never_seen(info: ConnectionInfo, missing: Sequence[MissingRecord]) -> list[MissingRecord]:
    """Of the ids answered with 404, those that staging never held: a typing error, not a takedown."""
    unknown = list(missing)
    with naming_the_server(info), connect(info, autocommit=True) as conn:
        for kind, statement in _KNOWN_IDS.items():
            asked = [record.requested_id for record in unknown if record.kind == kind]
            if asked:
                known = {row[0] for row in conn.execute(statement, [asked])}
                unknown = [r for r in unknown if r.kind != kind or r.requested_id not in known]
    return unknown


def _unknown_message(source: str, unknown: Sequence[MissingRecord]) -> str:
    shown = ", ".join(f"{record.kind} {record.requested_id}" for record in unknown[:5])
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    return (
        f"Spotify knows no {shown}{more} (404), which source '{source}' asks for: correct or remove it in "
        "sources.yml and run the partition again; the rest of the source is loaded"
    )
