"""The manifest lists the responses of a source in one partition. It is written last."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any

import orjson

from spotify_pipeline.errors import ConfigurationError, DamagedObject
from spotify_pipeline.lake import keys
from spotify_pipeline.lake.store import Lake, StoredObject

MANIFEST_VERSION = 1


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class RawObject:
    """One stored response. `query` and `path` are the request's; `observed_at` is the API's Date header."""

    key: str
    kind: str
    method: str
    path: str
    query: Mapping[str, str]
    requested_id: str | None
    status: int
    observed_at: datetime
    sha256: str
    bytes: int


@dataclass(frozen=True)
class MissingRecord:
    """An id that Spotify does not know or show (404).

    `listed`: the id comes from a listing, not from sources.yml; the next partition requests it again.
    """

    kind: str
    requested_id: str
    message: str
    listed: bool = False


@dataclass(frozen=True)
class ContinuedAlbum:
    """An album begun in an earlier partition, with its detail (`begun_at`) and first pages."""

    album_id: str
    begun_at: datetime


@dataclass(frozen=True)
class Manifest:
    """The responses of a source in one partition; `complete` if every list was read to its end."""

    partition: date
    source: str
    source_kind: str
    definition_sha256: str
    complete: bool
    objects: tuple[RawObject, ...]
    missing: tuple[MissingRecord, ...] = ()
    stopped_by: str | None = None
    resume_after: datetime | None = None
    calls: int = 0
    # hash of the user whose account the responses are from
    user: str | None = None
    continued: tuple[ContinuedAlbum, ...] = ()
    # of a listening history: the newest play that was known before, in unix milliseconds
    known_play_ms: int | None = None
    version: int = field(default=MANIFEST_VERSION)

    @property
    def key(self) -> str:
        """Key of the manifest in the object store."""
        return keys.manifest_key(self.partition, self.source, self.user)

    @property
    def content_sha256(self) -> str:
        """Digest of the manifest without the number of calls and the reason of a stop."""
        return sha256(replace(self, calls=0, stopped_by=None, resume_after=None).to_bytes())

    def to_bytes(self) -> bytes:
        """Return stable JSON: the same manifest gives the same bytes."""
        style = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z
        values = _values_of(self)
        for name in ("objects", "missing", "continued"):
            values[name] = [_values_of(entry) for entry in values[name]]
        if not self.continued:  # most manifests have none
            del values["continued"]
        if self.known_play_ms is None:
            del values["known_play_ms"]
        return orjson.dumps(values, option=style)


def _values_of(entry: Any) -> dict[str, Any]:
    """Return a dataclass as a dict; `asdict` copies every value, and a manifest can have 10,000 objects."""
    return {column.name: getattr(entry, column.name) for column in fields(entry)}


def read_manifest(lake: Lake, partition: date, source: str) -> Manifest | None:
    """Read a source's manifest; None if the partition does not exist yet.

    Raises:
        DamagedObject: it exists and cannot be read.
        ConfigurationError: two users' accounts were read under one source name.
    """
    key = keys.manifest_key(partition, source)
    stored = lake.find(key) or _find_of_user(lake, partition, source)
    return None if stored is None else parse_manifest(stored)


def parse_manifest(stored: StoredObject) -> Manifest:
    """Parse a stored manifest.

    Raises:
        DamagedObject: it cannot be read.
    """
    key = stored.key
    try:
        values: dict[str, Any] = orjson.loads(stored.data)
        version = values["version"]
        if version != MANIFEST_VERSION:
            raise DamagedObject(f"manifest '{key}' has version {version}, this code reads {MANIFEST_VERSION}")
        values["partition"] = date.fromisoformat(values["partition"])
        objects = values["objects"]
        for place, item in enumerate(objects):  # in place, so that each dict is freed at once
            objects[place] = RawObject(**item | {"observed_at": datetime.fromisoformat(item["observed_at"])})
        values["objects"] = tuple(objects)
        values["missing"] = tuple(MissingRecord(**item) for item in values["missing"])
        values["continued"] = tuple(
            ContinuedAlbum(item["album_id"], datetime.fromisoformat(item["begun_at"]))
            for item in values.get("continued", ())
        )
        if values["resume_after"]:
            values["resume_after"] = datetime.fromisoformat(values["resume_after"])
        return Manifest(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedObject(
            f"manifest '{key}' cannot be read ({error}): delete it and run the partition's fetch again, "
            "the responses already stored are used"
        ) from error


def _find_of_user(lake: Lake, partition: date, source: str) -> StoredObject | None:
    """Find the manifest of a source below the folders of users, of which there are few."""
    users = keys.user_hashes(lake.folders(keys.users_prefix(keys.RAW, partition)))
    found = [s for user in users if (s := lake.find(keys.manifest_key(partition, source, user))) is not None]
    if len(found) > 1:
        raise ConfigurationError(
            f"source '{source}' holds the accounts of {len(found)} users for {partition}: "
            "give each user's sources names of their own"
        )
    return found[0] if found else None


def read_raw(lake: Lake, raw: RawObject) -> bytes:
    """Read a response and check it against its manifest.

    Raises:
        DamagedObject: the object is absent, or its bytes are not those that were stored.
    """
    stored = lake.find(raw.key)
    if stored is None:
        raise DamagedObject(
            f"object '{raw.key}' of its manifest is missing: clear the fetch task, which fetches it again "
            "while the date is its own"
        )
    data = stored.data
    if sha256(data) != raw.sha256:
        raise DamagedObject(
            f"object '{raw.key}' differs from its manifest: delete the object and the manifest, and run the "
            "partition's fetch again while the date is its own"
        )
    return data
