"""Validated rows → staging, in one transaction per source and partition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import LiteralString

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.lake import MissingRecord
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.stages.details import DETAILS, asked_ids
from spotify_pipeline.stages.group import KindCounts, SourceState
from spotify_pipeline.stages.load_inputs import LoadInputs, occurrences, read_inputs, refuse_bad_share
from spotify_pipeline.stages.plays import is_listening, note_plays
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import detail_queue, lease
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.crawl_state import record_begun_albums, record_complete_albums
from spotify_pipeline.warehouse.erasures import refuse_data_of_erased
from spotify_pipeline.warehouse.load import load_partition
from spotify_pipeline.warehouse.merge import KindCounts as MergedCounts
from spotify_pipeline.warehouse.shapes import record_shapes

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
    inputs = read_inputs(lake, partition, source)
    refuse_bad_share(runtime, inputs)
    step = LOAD if beside_fence is None else REPLAY
    held = lease.acquire(runtime.ingest, step, partition, source, attempt.holder)
    noted = notes(runtime, inputs, beside_fence)

    def before_commit(conn: psycopg.Connection, load_seq: int) -> None:
        detail_queue.enqueue(conn, [load_seq])
        noted(conn, load_seq)

    outcome = load_partition(
        runtime.ingest,
        partition,
        source,
        occurrences(lake, inputs.summary),
        lease=held,
        run_id=attempt.run_id,
        try_number=attempt.try_number,
        complete=inputs.manifest.complete,
        quarantined=inputs.quarantined,
        before_commit=before_commit,
    )
    return state_of(runtime, inputs, outcome.kinds)


def notes(
    runtime: Runtime, inputs: LoadInputs, beside_fence: int | None
) -> Callable[[psycopg.Connection, int], None]:
    """Lists, and what the next crawl goes by, written with the rows that they speak of.

    What it gives raises UserErased, and PartitionBusy where a load began beside `beside_fence`.
    """
    manifest, summary, lists = inputs.manifest, inputs.summary, inputs.lists

    def note(conn: psycopg.Connection, load_seq: int) -> None:
        if manifest.user is not None:
            refuse_data_of_erased(conn, manifest.user)
        lists.load(conn, load_seq)
        record_shapes(conn, summary.partition, summary.source, summary.shapes)
        record_complete_albums(
            conn, manifest.source, inputs.albums, refresh_days=runtime.settings.album_refresh_days
        )
        record_begun_albums(conn, manifest.source, manifest.partition, inputs.begun)
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


def state_of(runtime: Runtime, inputs: LoadInputs, loaded: Mapping[str, MergedCounts]) -> SourceState:
    """How far a source has come that is loaded; `loaded` counts its records by kind.

    Raises:
        WarehouseUnavailable: it cannot be reached.
    """
    manifest = inputs.manifest
    counts = _counts(inputs.summary, {**loaded, **inputs.lists.counts})
    unknown = _never_seen(runtime.ingest, manifest.missing)
    if unknown:
        return SourceState(manifest.source, "failed", _unknown_message(manifest.source, unknown), counts)
    if not manifest.complete:
        return SourceState(manifest.source, "partial", manifest.stopped_by, counts)
    return SourceState(manifest.source, "complete", None, counts)


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


def _never_seen(info: ConnectionInfo, missing: Sequence[MissingRecord]) -> list[MissingRecord]:
    """Return the ids of sources.yml that Spotify does not know and staging never held: wrong ids."""
    unknown = [record for record in missing if not record.listed]
    if not unknown:
        return []
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
