"""Raw answers → validated rows and quarantined records. Counts are written last."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict
from datetime import date
from typing import Any

import orjson

from spotify_pipeline.contract import SCHEMA_VERSION, Found, SetAside, Verdict, find_records, validate
from spotify_pipeline.contract.entries import (
    ENTRY_KINDS,
    PLAYLIST_RANK,
    find_entries,
    judge_entry,
    playlist_groups,
)
from spotify_pipeline.contract.extract import EXPECTED, KINDS
from spotify_pipeline.contract.rows import ROW_KINDS, Row, RowKind, rows
from spotify_pipeline.contract.shape import Shape
from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.json_reading import read_json
from spotify_pipeline.lake import Lake, Manifest, RawObject, keys
from spotify_pipeline.lake.complete_albums import AlbumsSeen, store_albums
from spotify_pipeline.lake.list_reads import ListsSeen, entry_of, list_id_of, to_line
from spotify_pipeline.lake.manifest import read_manifest, read_raw
from spotify_pipeline.lake.validated_rows import NdjsonFile, ValidatedRow, read_ahead
from spotify_pipeline.lake.validation_summary import Counts, QuarantinedRecord, RecordShape, ValidationSummary

log = logging.getLogger(__name__)
RESPONSE = "response"  # the record kind of an answer that holds no records at all
_PAGES = {"artist_albums", "album_tracks", "tracks", "search", *ENTRY_KINDS}


def validate_source(lake: Lake, partition: date, source: str) -> ValidationSummary:
    """Check all answers of a source against the contract and write the three zones' objects.

    The same raw gives the same bytes, so a repeated call changes nothing.

    Raises:
        DamagedObject: no manifest, or an answer is absent or was altered.
    """
    manifest = read_manifest(lake, partition, source)
    if manifest is None:
        raise DamagedObject(
            f"source '{source}' has no manifest for {partition}: nothing was fetched; clear its fetch task"
        )
    work = _Validation(manifest)
    for raw, data in read_ahead(manifest.objects, lambda raw: read_raw(lake, raw)):
        work.take(raw, data)
    return work.store(lake)


class _Validation:
    """One pass over a source's answers."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._files: dict[str, NdjsonFile] = {
            kind: NdjsonFile() for kind in (*ROW_KINDS, *ENTRY_KINDS.values())
        }
        self._quarantine = NdjsonFile()
        self._counts: dict[str, Counts] = {}
        self._reasons: Counter[str] = Counter()
        self._stubs: dict[tuple[RowKind, str], ValidatedRow] = {}
        self._albums = AlbumsSeen({album.album_id: album.begun_at for album in manifest.continued})
        self._lists = ListsSeen()
        # by request kind, because a listing shows less than a detail
        self._shapes: dict[tuple[str, str], Shape] = {}

    def take(self, raw: RawObject, data: bytes) -> None:
        try:
            body = read_json(data)
        except ValueError as error:
            self._refuse_body(raw, "response.not_json", f"the answer is no JSON: {error}"[:500])
            return
        expected = EXPECTED.get(raw.kind)
        if raw.kind in _PAGES and not _holds_page(body, raw.kind):
            self._refuse_body(raw, "response.no_page", "the answer holds no list of items")
            return
        if raw.kind == "playlist":  # its entries are answers of their own
            self._judge_playlist(raw, body)
            return
        self._albums.take(raw, body)
        self._take_entries(raw, body)
        album_id = raw.requested_id if raw.kind == "album_tracks" else None
        for item in find_records(body, expected=expected, album_id=album_id):
            counts = self._counts.setdefault(item.kind, Counts())
            counts.fetched += 1
            if isinstance(item, SetAside):
                counts.set_aside += 1
            else:
                self._note_shape(raw, item.kind, item.record)
                self._judge(raw, item, counts)

    def _judge(self, raw: RawObject, item: Found, counts: Counts) -> None:
        verdict = validate(item.kind, item.record)
        if not verdict.valid:
            self._refuse(raw, counts, verdict, kind=item.kind, record=item.record, pointer=item.pointer)
            return
        counts.accepted += 1
        for row in rows(item.kind, item.record, item.album_id):
            validated = ValidatedRow.of(row, observed_at=raw.observed_at, raw_key=raw.key)
            if not row.stub:
                self._files[row.kind].write(validated.to_line())
                continue
            # a track mentions the same artists again and again: the winner is enough
            known = self._stubs.get((row.kind, row.key))
            if known is None or known.order < validated.order:
                self._stubs[row.kind, row.key] = validated

    def _judge_playlist(self, raw: RawObject, body: Any) -> None:
        counts = self._counts.setdefault("playlist", Counts())
        counts.fetched += 1
        self._note_shape(raw, "playlist", body)
        verdict = validate("playlist", body)
        if not verdict.valid:
            self._refuse(raw, counts, verdict, kind="playlist", record=body, pointer="")
            return
        counts.accepted += 1
        row = Row("playlist", body["id"], PLAYLIST_RANK, playlist_groups(body))
        validated = ValidatedRow.of(row, observed_at=raw.observed_at, raw_key=raw.key)
        self._files["playlist"].write(validated.to_line())

    def _take_entries(self, raw: RawObject, body: Any) -> None:
        kind = ENTRY_KINDS.get(raw.kind)
        if kind is None:
            return
        list_id = list_id_of(kind, raw, self._manifest.user)
        self._lists.take(kind, list_id, raw, body)
        counts = self._counts.setdefault(kind, Counts())
        for entry in find_entries(raw.kind, body):
            counts.fetched += 1
            self._note_shape(raw, kind, entry.record)
            verdict = judge_entry(entry)
            if isinstance(verdict, Verdict):
                self._refuse(raw, counts, verdict, kind=kind, record=entry.record, pointer=entry.pointer)
            elif verdict.item_kind != "track" and kind != "playlist_item":
                counts.set_aside += 1
            else:
                # a playlist keeps the places of what is no track
                counts.accepted += 1
                row = entry_of(kind, list_id, entry.position, verdict, raw)
                self._files[kind].write(to_line(row))

    def _note_shape(self, raw: RawObject, kind: str, record: Any) -> None:
        self._shapes.setdefault((raw.kind, kind), Shape()).add(kind, record)

    def _refuse(
        self, raw: RawObject, counts: Counts, verdict: Verdict, *, kind: str, record: Any, pointer: str
    ) -> None:
        violations = verdict.violations
        counts.quarantined += 1
        self._reasons.update(violation.code for violation in violations)
        self._set_apart(
            raw,
            kind=kind,
            key=_record_key(record, pointer, raw),
            pointer=pointer,
            code=violations[0].code,
            message=violations[0].message,
            violations=[asdict(violation) for violation in violations],
        )

    def _refuse_body(self, raw: RawObject, code: str, message: str) -> None:
        counts = self._counts.setdefault(RESPONSE, Counts())
        counts.fetched += 1
        counts.quarantined += 1
        self._reasons[code] += 1
        self._set_apart(
            raw, kind=RESPONSE, key=raw.key, pointer="", code=code, message=message, violations=[]
        )

    def _set_apart(
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
        line = QuarantinedRecord(
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
            self._files[kind].write(row.to_line())
        where = (manifest.partition, manifest.source)
        written: dict[str, str | None] = {}
        for name, file in self._files.items():
            key = keys.validated_key(*where, name, manifest.user)
            written[key] = file.store(lake, key)
        lists = NdjsonFile()
        for read in self._lists.reads():
            lists.write(to_line(read))
        key = keys.lists_key(*where, manifest.user)
        written[key] = lists.store(lake, key)
        key = keys.complete_albums_key(*where, manifest.user)
        written[key] = store_albums(lake, key, self._albums.complete())
        key = keys.begun_albums_key(*where, manifest.user)
        written[key] = store_albums(lake, key, self._albums.begun())
        key = keys.quarantine_key(*where, manifest.user)
        written[key] = self._quarantine.store(lake, key)
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
            shapes=[
                RecordShape(request_kind, kind, shape.records, dict(shape.fields), shape.new_fields(kind))
                for (request_kind, kind), shape in sorted(self._shapes.items())
            ],
        )
        for shape in summary.shapes:
            if shape.new_fields:
                log.warning("source %s: %s", manifest.source, shape.drift)
        lake.put(keys.summary_key(*where, manifest.user), summary.to_bytes())
        return summary


def _holds_page(body: Any, kind: str) -> bool:
    if not isinstance(body, dict):
        return False
    if kind == "tracks":
        return isinstance(body.get("tracks"), list)
    pages: list[Any] = [body] if kind != "search" else [body.get(f"{name}s") for name in KINDS]
    return any(isinstance(page, dict) and isinstance(page.get("items"), list) for page in pages)


def _record_key(record: Any, pointer: str, raw: RawObject) -> str:
    key = record.get("id") if isinstance(record, dict) else None
    if isinstance(key, str) and 0 < len(key) <= 200 and key.isascii() and key.isprintable():
        return key
    return f"{raw.key}#{pointer}"
