"""Loads the validated zone into staging, in one transaction per source and partition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.lake import MissingRecord
from spotify_pipeline.lake.validated import read_observations
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.sources import SourceKind
from spotify_pipeline.spotify.endpoints import OWN_PLAYLIST_PREFIX
from spotify_pipeline.stages.details import DETAILS, requested_ids
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.load_inputs import LoadInputs, read_inputs, refuse_bad_share
from spotify_pipeline.stages.plays import note_plays
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import detail_queue, lease
from spotify_pipeline.warehouse.catalogue import known_ids
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.crawl_state import record_begun_albums, record_complete_albums
from spotify_pipeline.warehouse.erasures import refuse_data_of_erased, refuse_playlists_of_erased
from spotify_pipeline.warehouse.field_profiles import record_profiles
from spotify_pipeline.warehouse.load import load_partition

LOAD, REPLAY = "load", "replay"
"""Kinds of load, as leases name them."""


def load_source(runtime: Runtime, partition: date, source: str, *, fence: int | None = None) -> SourceState:
    """Load the accepted records of a source, and record the quarantined ones.

    Args:
        runtime: settings and connections.
        partition: date to load.
        source: name in sources.yml, or of a reading of the listening history.
        fence: result of `lease.fence_of` before a replay; the replay writes nothing if an ingest of this
            source and partition began since. None for an ingest.

    Raises:
        PartitionBusy: an ingest began.
        QuarantineShareExceeded: too large a share of the source is bad; nothing is loaded.
        DamagedObject: the source was not validated, was fetched again since, or an object of the validation
            is absent or was altered.
        UserErased: the source is of an account whose data was erased.
        LeaseLost, RowRefused, SchemaVersionError, WarehouseUnavailable: see `load_partition`.
    """
    lake, attempt = runtime.lake, runtime.attempt
    inputs = read_inputs(lake, partition, source)
    refuse_bad_share(runtime, inputs)
    kind = LOAD if fence is None else REPLAY
    held = lease.acquire(runtime.ingest, kind, partition, source, attempt.holder)
    noted = metadata_writer(runtime, inputs, fence)

    def before_commit(conn: psycopg.Connection, load_seq: int) -> None:
        detail_queue.enqueue(conn, [load_seq])
        noted(conn, load_seq)

    outcome = load_partition(
        runtime.ingest,
        partition,
        source,
        read_observations(lake, inputs.summary),
        lease=held,
        run_id=attempt.run_id,
        try_number=attempt.try_number,
        complete=inputs.manifest.complete,
        quarantined=inputs.quarantined,
        before_commit=before_commit,
    )
    return state_of(runtime, inputs, outcome.kinds)


def metadata_writer(
    runtime: Runtime, inputs: LoadInputs, fence: int | None
) -> Callable[[psycopg.Connection, int], None]:
    """Return a function that writes lists, field profiles and crawl state in the transaction of a load.

    It raises UserErased, and PartitionBusy if a load began since `fence` was read.
    """
    manifest, summary, lists = inputs.manifest, inputs.summary, inputs.lists

    def note(conn: psycopg.Connection, load_seq: int) -> None:
        if manifest.user is not None:
            refuse_data_of_erased(conn, manifest.user)
        if manifest.source_kind == SourceKind.PLAYLIST:
            refuse_playlists_of_erased(conn)
        lists.load(conn, load_seq)
        record_profiles(conn, summary.partition, summary.source, summary.profiles)
        record_complete_albums(
            conn, manifest.source, inputs.albums, refresh_days=runtime.settings.album_refresh_days
        )
        record_begun_albums(conn, manifest.source, manifest.partition, inputs.begun)
        if manifest.source_kind == SourceKind.RECENTLY_PLAYED:
            note_plays(conn, manifest, lists.played_at)
        if manifest.source == DETAILS:
            detail_queue.close(conn, requested_ids(manifest), manifest.partition)
            missing = [record.requested_id for record in manifest.missing]
            detail_queue.mark_not_returned(conn, missing, manifest.partition)
        if fence is not None:
            lease.check_untouched(conn, LOAD, manifest.partition, manifest.source, fence)

    return note


def state_of(runtime: Runtime, inputs: LoadInputs, loaded: Mapping[str, KindCounts]) -> SourceState:
    """Return the state of a source after its load; `loaded` has the counts by record kind.

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


def _counts(summary: ValidationSummary, loaded: Mapping[str, KindCounts]) -> dict[str, KindCounts]:
    nothing = KindCounts()
    return {
        kind: replace(
            counts,
            loaded=loaded.get(kind, nothing).loaded,
            duplicates=loaded.get(kind, nothing).duplicates,
        )
        for kind, counts in summary.counts.items()
    }


def _never_seen(info: ConnectionInfo, missing: Sequence[MissingRecord]) -> list[MissingRecord]:
    """Return the ids of sources.yml that neither Spotify nor staging knows."""
    unknown = [record for record in missing if not record.listed]
    if not unknown:
        return []
    with connect(info, autocommit=True) as conn:
        for kind in {record.kind for record in missing}:
            known = known_ids(conn, kind, [record.requested_id for record in missing if record.kind == kind])
            unknown = [r for r in unknown if r.kind != kind or r.requested_id not in known]
    return unknown


def _unknown_message(source: str, unknown: Sequence[MissingRecord]) -> str:
    shown = ", ".join(f"{record.kind} {record.requested_id}" for record in unknown[:5])
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    own = any(record.requested_id.startswith(OWN_PLAYLIST_PREFIX) for record in unknown)
    why = f"; ids with {OWN_PLAYLIST_PREFIX} are Spotify's own playlists, closed to apps since November 2024"
    return (
        f"Spotify does not return {shown}{more}, which source '{source}' asks for; the reason of the first: "
        f"{unknown[0].message}; correct or remove it and run the partition again; the rest is loaded"
        f"{why if own else ''}"
    )
