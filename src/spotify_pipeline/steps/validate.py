"""Raw answers → validated rows and quarantined records. Counts are written last."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from spotify_pipeline.contract import SCHEMA_VERSION, Found, SetAside, find_records, validate
from spotify_pipeline.contract.extract import EXPECTED, KINDS, Kind
from spotify_pipeline.contract.rows import rows
from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import Lake, Manifest, RawObject, keys
from spotify_pipeline.lake.manifest import read_manifest, read_raw, sha256
from spotify_pipeline.steps.completeness import AlbumsSeen, store_complete_albums
from spotify_pipeline.steps.records import NdjsonFile, ValidatedRow, read_ahead

RESPONSE = "response"  # the record kind of an answer that holds no records at all
_PAGES = {"artist_albums", "album_tracks", "search"}


@dataclass(slots=True)
class Counts:
    """Of one record kind: fetched = accepted + quarantined + set_aside."""

    fetched: int = 0
    accepted: int = 0
    quarantined: int = 0
    set_aside: int = 0


@dataclass(frozen=True)
class ValidationSummary:
    """What a validation found, per record kind; reasons count violations by code."""

    partition: date
    source: str
    schema_version: str
    manifest_sha256: str
    complete: bool
    counts: dict[str, Counts]
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def quarantined_share(self) -> float:
        """Bad records over all that could have been good; 0 when there were none."""
        quarantined = sum(c.quarantined for c in self.counts.values())
        judged = quarantined + sum(c.accepted for c in self.counts.values())
        return quarantined / judged if judged else 0.0

    def to_bytes(self) -> bytes:
        """Stable text."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def read_summary(lake: Lake, partition: date, source: str) -> ValidationSummary:
    """Read the counts back.

    Raises:
        DamagedObject: the source was not validated, or the object cannot be read.
    """
    key = keys.summary_key(partition, source)
    stored = lake.get(key)
    try:
        fields = orjson.loads(stored.data)
        fields["partition"] = date.fromisoformat(fields["partition"])
        fields["counts"] = {kind: Counts(**counts) for kind, counts in fields["counts"].items()}
        return ValidationSummary(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedObject(f"'{key}' cannot be read ({error}): clear the validate task") from error


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
        self._files: dict[Kind, NdjsonFile] = {kind: NdjsonFile() for kind in KINDS}
        self._quarantine = NdjsonFile()
        self._counts: dict[str, Counts] = {}
        self._reasons: Counter[str] = Counter()
        self._stubs: dict[tuple[Kind, str], ValidatedRow] = {}
        self._albums = AlbumsSeen()

    def take(self, raw: RawObject, data: bytes) -> None:
        try:
            body = _parse(data)
        except (ValueError, RecursionError) as error:
            self._refuse_body(raw, "response.not_json", f"the answer is no JSON: {error}"[:500])
            return
        expected = EXPECTED.get(raw.kind)
        if raw.kind in _PAGES and not _holds_page(body, raw.kind):
            self._refuse_body(raw, "response.no_page", "the answer holds no list of items")
            return
        self._albums.take(raw, body)
        album_id = raw.requested_id if raw.kind == "album_tracks" else None
        for item in find_records(body, expected=expected, album_id=album_id):
            counts = self._counts.setdefault(item.kind, Counts())
            counts.fetched += 1
            if isinstance(item, SetAside):
                counts.set_aside += 1
            else:
                self._judge(raw, item, counts)

    def _judge(self, raw: RawObject, item: Found, counts: Counts) -> None:
        verdict = validate(item.kind, item.record)
        if not verdict.valid:
            counts.quarantined += 1
            first = verdict.violations[0]
            self._reasons.update(violation.code for violation in verdict.violations)
            self._set_apart(
                raw,
                kind=item.kind,
                key=_record_key(item, raw),
                pointer=item.pointer,
                code=first.code,
                message=first.message,
                violations=[asdict(violation) for violation in verdict.violations],
            )
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
        for kind, file in self._files.items():
            file.store(lake, keys.validated_key(manifest.partition, manifest.source, kind))
        store_complete_albums(
            lake, keys.complete_albums_key(manifest.partition, manifest.source), self._albums
        )
        self._quarantine.store(lake, keys.quarantine_key(manifest.partition, manifest.source))
        summary = ValidationSummary(
            partition=manifest.partition,
            source=manifest.source,
            schema_version=SCHEMA_VERSION,
            manifest_sha256=sha256(manifest.to_bytes()),
            complete=manifest.complete,
            counts=dict(sorted(self._counts.items())),
            reasons=dict(sorted(self._reasons.items())),
        )
        lake.put(keys.summary_key(manifest.partition, manifest.source), summary.to_bytes())
        return summary


@dataclass(frozen=True)
class QuarantinedRecord:
    """A line of the quarantine zone; the record itself is in the raw object, at the pointer."""

    record_kind: str
    record_key: str
    pointer: str
    reason_code: str
    message: str
    schema_version: str
    raw_key: str
    observed_at: datetime
    violations: list[dict[str, Any]]


def read_quarantine(lake: Lake, partition: date, source: str) -> list[QuarantinedRecord]:
    """All quarantined records of a source and partition; empty where there are none."""
    stored = lake.find(keys.quarantine_key(partition, source))
    if stored is None:
        return []
    lines = (orjson.loads(line) for line in stored.data.split(b"\n") if line)
    return [
        QuarantinedRecord(**line | {"observed_at": datetime.fromisoformat(line["observed_at"])})
        for line in lines
    ]


def _parse(data: bytes) -> Any:
    """Parse JSON; what only Python's own parser takes (a lone surrogate) is left to the contract."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _holds_page(body: Any, kind: str) -> bool:
    if not isinstance(body, dict):
        return False
    pages: list[Any] = [body] if kind != "search" else [body.get(f"{name}s") for name in KINDS]
    return any(isinstance(page, dict) and isinstance(page.get("items"), list) for page in pages)


def _record_key(item: Found, raw: RawObject) -> str:
    key = item.record.get("id") if isinstance(item.record, dict) else None
    if isinstance(key, str) and 0 < len(key) <= 200 and key.isascii() and key.isprintable():
        return key
    return f"{raw.key}#{item.pointer}"
