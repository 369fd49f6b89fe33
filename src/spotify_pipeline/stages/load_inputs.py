"""Reads the inputs of a load: the manifest of a source, and the objects of its validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.albums import BegunAlbum, CompleteAlbum
from spotify_pipeline.contract.entries import ENTRY_KINDS
from spotify_pipeline.errors import DamagedObject, QuarantineShareExceeded
from spotify_pipeline.lake import Lake, Manifest, keys
from spotify_pipeline.lake.complete_albums import parse_begun_albums, parse_complete_albums
from spotify_pipeline.lake.list_reads import parse_entries, parse_reads
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.lake.validated import read_whole
from spotify_pipeline.lake.validation_summary import ValidationSummary, parse_quarantine, read_summary
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.field_profiles import record_profiles
from spotify_pipeline.warehouse.lists import Lists
from spotify_pipeline.warehouse.quarantine import Refusal, record_quarantined, resolve_quarantined


@dataclass(frozen=True)
class LoadInputs:
    """Inputs of a load without the observations, which are read as a stream."""

    manifest: Manifest
    summary: ValidationSummary
    quarantined: Sequence[Refusal]
    lists: Lists
    albums: Sequence[CompleteAlbum]
    begun: Sequence[BegunAlbum]


def read_inputs(lake: Lake, partition: date, source: str) -> LoadInputs:
    """Read the objects of a validation, except for the observations.

    Raises:
        DamagedObject: the source was not validated, was fetched again since, or an object of the validation
            is absent or was altered.
    """
    manifest, summary = _manifest_and_summary(lake, partition, source)
    where = (manifest.partition, manifest.source, manifest.user)
    return LoadInputs(
        manifest,
        summary,
        _quarantined(lake, summary),
        _lists(lake, summary),
        parse_complete_albums(_validated(lake, summary, keys.complete_albums_key(*where))),
        parse_begun_albums(_validated(lake, summary, keys.begun_albums_key(*where))),
    )


def refuse_bad_share(runtime: Runtime, inputs: LoadInputs) -> None:
    """Check that the share of bad records of a source is not greater than the setting allows.

    Raises:
        QuarantineShareExceeded: it is greater; the bad records are stored in ops.quarantined_record.
        WarehouseUnavailable: it cannot be reached.
    """
    limit, summary = runtime.settings.quarantine_share, inputs.summary
    if summary.quarantined_share > limit:
        _record_refused(runtime.ingest, summary, inputs.quarantined)
        raise QuarantineShareExceeded(_share_message(summary, limit))


def _manifest_and_summary(lake: Lake, partition: date, source: str) -> tuple[Manifest, ValidationSummary]:
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
    """Read an object of the validation; empty if it wrote none."""
    digest = summary.objects.get(key)
    return b"" if digest is None else read_whole(lake, key, digest)


def _lists(lake: Lake, summary: ValidationSummary) -> Lists:
    where = (summary.partition, summary.source)
    entries = [
        entry
        for kind in ENTRY_KINDS.values()
        if kind in summary.counts
        for entry in parse_entries(_validated(lake, summary, keys.validated_key(*where, kind, summary.user)))
    ]
    return Lists(parse_reads(_validated(lake, summary, keys.lists_key(*where, summary.user))), entries)


def _quarantined(lake: Lake, summary: ValidationSummary) -> list[Refusal]:
    key = keys.quarantine_key(summary.partition, summary.source, summary.user)
    return [
        Refusal(
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


def _record_refused(info: ConnectionInfo, summary: ValidationSummary, quarantined: Sequence[Refusal]) -> None:
    with connect(info) as conn:
        record_quarantined(conn, quarantined)
        resolve_quarantined(conn, summary.source, summary.partition, quarantined)
        record_profiles(conn, summary.partition, summary.source, summary.profiles)


def _share_message(summary: ValidationSummary, limit: float) -> str:
    reasons = sorted(summary.reasons.items(), key=lambda item: (-item[1], item[0]))[:3]
    shown = ", ".join(f"{code} ({count})" for code, count in reasons)
    return (
        f"{summary.quarantined_share:.1%} of source '{summary.source}' on {summary.partition} breaks the "
        f"contract, more than the {limit:.0%} allowed, so nothing of it was loaded: {shown}; see "
        f"`spotify-pipeline quarantine list --source {summary.source}`, fix the contract or raise "
        "SPOTIFY_PIPELINE_QUARANTINE_SHARE, and clear its validate task"
    )
