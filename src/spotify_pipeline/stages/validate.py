"""Validates raw responses: makes observations, list entries and quarantined records.

The summary is written last.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict
from datetime import date
from typing import Any

import orjson

from spotify_pipeline.contract import (
    SCHEMA_VERSION,
    Found,
    ValidationResult,
    find_records,
    validate,
)
from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.entries import ENTRY_KINDS, check_entry, find_entries
from spotify_pipeline.contract.extract import EXPECTED, KINDS
from spotify_pipeline.contract.field_profile import FieldProfile
from spotify_pipeline.contract.list_pages import offset_of, page_in
from spotify_pipeline.contract.observations import ROW_KINDS, Observation, RowKind, observations
from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.json_reading import read_json
from spotify_pipeline.lake import Lake, Manifest, RawObject, keys
from spotify_pipeline.lake.complete_albums import AlbumsSeen, store_albums
from spotify_pipeline.lake.list_reads import ListsSeen, entry_line, entry_of, list_id_of
from spotify_pipeline.lake.manifest import read_manifest, read_raw
from spotify_pipeline.lake.validated import NdjsonFile, read_ahead, to_line
from spotify_pipeline.lake.validation_summary import QuarantineLine, ValidationSummary

log = logging.getLogger(__name__)
RESPONSE = "response"
"""Record kind of a response that contains no records."""
_PAGES = {"artist_albums", "album_tracks", "tracks", "search", *ENTRY_KINDS}


def validate_source(lake: Lake, partition: date, source: str) -> ValidationSummary:
    """Validate all responses of a source, and write the validated and quarantine objects.

    The same raw gives the same bytes, so a repeated call changes nothing.

    Raises:
        DamagedObject: there is no manifest, or a raw object is absent or was altered.
    """
    manifest = read_manifest(lake, partition, source)
    if manifest is None:
        raise DamagedObject(
            f"source '{source}' has no manifest for {partition}: nothing was fetched; clear its fetch task"
        )
    work = _Validation(manifest)
    for raw, data in read_ahead(manifest.objects, lambda raw: read_raw(lake, raw)):
        work.add(raw, data)
    return work.store(lake)


class _Validation:
    """Validates the responses of one source, and collects the results."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._files: dict[str, NdjsonFile] = {
            kind: NdjsonFile() for kind in (*ROW_KINDS, *ENTRY_KINDS.values())
        }
        self._quarantine = NdjsonFile()
        self._counts: dict[str, KindCounts] = {}
        self._reasons: Counter[str] = Counter()
        self._stubs: dict[tuple[RowKind, str], Observation] = {}
        self._albums = AlbumsSeen({album.album_id: album.begun_at for album in manifest.continued})
        self._lists = ListsSeen()
        self._profiles: dict[tuple[str, str], FieldProfile] = {}

    def add(self, raw: RawObject, data: bytes) -> None:
        try:
            body = read_json(data)
        except ValueError as error:
            self._refuse_body(raw, "response.not_json", f"the response is no JSON: {error}"[:500])
            return
        expected = EXPECTED.get(raw.kind)
        if raw.kind in _PAGES and not _holds_page(body, raw.kind):
            self._refuse_body(raw, "response.no_page", "the response holds no list of items")
            return
        if raw.kind == "playlist":  # its entries are responses of their own
            self._lists.add_playlist(raw, body)
            self._take_record(raw, "playlist", body)
            return
        self._albums.add(raw, body)
        self._take_entries(raw, body)
        album_id = raw.requested_id if raw.kind == "album_tracks" else None
        for item in find_records(body, expected=expected, album_id=album_id):
            if isinstance(item, Found):
                self._take_record(raw, item.kind, item.record, item.pointer, item.album_id)
            else:
                counts = self._counts_of(item.kind)
                counts.fetched += 1
                counts.set_aside += 1

    def _take_record(
        self, raw: RawObject, kind: RowKind, record: Any, pointer: str = "", album_id: str | None = None
    ) -> None:
        counts = self._counts_of(kind)
        counts.fetched += 1
        self._profile(raw, kind).add(record)
        result = validate(kind, record)
        if not result.valid:
            self._refuse(raw, counts, result, kind=kind, record=record, pointer=pointer)
            return
        for observation in observations(kind, record, raw.observed_at, raw.key, album_id):
            if not observation.stub:
                self._files[observation.kind].write(to_line(observation))
                continue
            # tracks mention the same artists many times, so only the winner is written
            known = self._stubs.get((observation.kind, observation.key))
            if known is None or known.order < observation.order:
                self._stubs[observation.kind, observation.key] = observation

    def _take_entries(self, raw: RawObject, body: Any) -> None:
        kind = ENTRY_KINDS.get(raw.kind)
        if kind is None:
            return
        list_id = list_id_of(kind, raw, self._manifest.user)
        where, page = page_in(raw.kind, body)
        self._lists.add(kind, list_id, raw, page)
        counts = self._counts_of(kind)
        for entry in find_entries(raw.kind, page, offset_of(raw.query)):
            counts.fetched += 1
            self._profile(raw, kind).add(entry.record)
            result = check_entry(entry)
            if isinstance(result, ValidationResult):
                self._refuse(
                    raw, counts, result, kind=kind, record=entry.record, pointer=where + entry.pointer
                )
            elif result.is_set_aside and kind != "playlist_item":
                counts.set_aside += 1
            else:  # a playlist keeps entries that are not tracks, for their positions
                row = entry_of(kind, list_id, entry.position, result, raw)
                self._files[kind].write(entry_line(row))

    # both run once for each record: `setdefault` would make a new object each time
    def _counts_of(self, kind: str) -> KindCounts:
        counts = self._counts.get(kind)
        if counts is None:
            counts = self._counts[kind] = KindCounts()
        return counts

    def _profile(self, raw: RawObject, kind: str) -> FieldProfile:
        profile = self._profiles.get((raw.kind, kind))
        if profile is None:
            profile = self._profiles[raw.kind, kind] = FieldProfile(raw.kind, kind)
        return profile

    def _refuse(
        self,
        raw: RawObject,
        counts: KindCounts,
        result: ValidationResult,
        *,
        kind: str,
        record: Any,
        pointer: str,
    ) -> None:
        violations = result.violations
        counts.quarantined += 1
        self._reasons.update(violation.code for violation in violations)
        self._quarantine_record(
            raw,
            kind=kind,
            key=_record_key(record, pointer, raw),
            pointer=pointer,
            code=violations[0].code,
            message=violations[0].message,
            violations=[asdict(violation) for violation in violations],
        )

    def _refuse_body(self, raw: RawObject, code: str, message: str) -> None:
        counts = self._counts_of(RESPONSE)
        counts.fetched += 1
        counts.quarantined += 1
        self._reasons[code] += 1
        self._quarantine_record(
            raw, kind=RESPONSE, key=raw.key, pointer="", code=code, message=message, violations=[]
        )

    def _quarantine_record(
        self,
        raw: RawObject,
        *,
        kind: str,
        key: str,
        pointer: str,
        code: str,
        message: str,
        violations: list[dict[str, Any]],
    ) -> None:
        line = QuarantineLine(
            record_kind=kind,
            record_key=key,
            pointer=pointer,
            reason_code=code,
            message=message,
            schema_version=SCHEMA_VERSION,
            raw_key=raw.key,
            observed_at=raw.observed_at,
            violations=violations,
        )
        self._quarantine.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))

    def store(self, lake: Lake) -> ValidationSummary:
        manifest = self._manifest
        for (kind, _key), row in sorted(self._stubs.items(), key=lambda entry: entry[0]):
            self._files[kind].write(to_line(row))
        where = (manifest.partition, manifest.source)
        written: dict[str, str | None] = {}
        for name, file in self._files.items():
            key = keys.validated_key(*where, name, manifest.user)
            written[key] = file.store(lake, key)
        lists = NdjsonFile()
        for read in self._lists.reads(ended=manifest.complete):
            lists.write(entry_line(read))
        key = keys.lists_key(*where, manifest.user)
        written[key] = lists.store(lake, key)
        key = keys.complete_albums_key(*where, manifest.user)
        written[key] = store_albums(lake, key, self._albums.complete())
        key = keys.begun_albums_key(*where, manifest.user)
        written[key] = store_albums(lake, key, self._albums.begun())
        key = keys.quarantine_key(*where, manifest.user)
        written[key] = self._quarantine.store(lake, key)
        # an earlier validation may have written them; one request removes all
        lake.delete_all([key for key, digest in written.items() if digest is None])
        summary = ValidationSummary(
            partition=manifest.partition,
            source=manifest.source,
            schema_version=SCHEMA_VERSION,
            manifest_sha256=manifest.content_sha256,
            complete=manifest.complete,
            counts=dict(sorted(self._counts.items())),
            objects={key: digest for key, digest in written.items() if digest},
            reasons=dict(sorted(self._reasons.items())),
            user=manifest.user,
            profiles=[self._profiles[kinds] for kinds in sorted(self._profiles)],
        )
        for profile in summary.profiles:
            if profile.new_fields:
                log.warning("source %s: %s", manifest.source, profile.drift)
        lake.put(keys.summary_key(*where, manifest.user), summary.to_bytes())
        return summary


def _holds_page(body: Any, kind: str) -> bool:
    if not isinstance(body, dict):
        return False
    if kind == "tracks":
        return isinstance(body.get("tracks"), list)
    pages: list[Any] = [page_in(kind, body)[1]]
    if kind == "search":
        pages = [body.get(f"{name}s") for name in KINDS]
    return any(isinstance(page, dict) and isinstance(page.get("items"), list) for page in pages)


def _record_key(record: Any, pointer: str, raw: RawObject) -> str:
    key = record.get("id") if isinstance(record, dict) else None
    if isinstance(key, str) and 0 < len(key) <= 200 and key.isascii() and key.isprintable():
        return key
    return f"{raw.key}#{pointer}"
