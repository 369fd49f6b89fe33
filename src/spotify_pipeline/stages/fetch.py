"""Fetch a source's answers into the raw zone; the manifest is written last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.fingerprint import listing_sha256
from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import Lake, Manifest, MissingRecord, RawObject, keys
from spotify_pipeline.lake.manifest import ContinuedAlbum, read_manifest, sha256
from spotify_pipeline.sources import Source
from spotify_pipeline.spotify.client import ApiResponse, SpotifyClient
from spotify_pipeline.spotify.crawl import StoredBody, crawl
from spotify_pipeline.spotify.endpoints import Request
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.crawl_state import BegunAlbum, begun_albums, settled_albums

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchOutcome:
    """What the raw zone holds of a source now; `calls` were made by this attempt.

    `resume_after`: when the bucket opens that kept the source from being complete.
    """

    source: str
    complete: bool
    objects: int
    calls: int
    message: str | None = None
    resume_after: datetime | None = None


def is_finished(manifest: Manifest | None, source: Source) -> bool:
    """Whether nothing is left to fetch: complete, every id known, and fetched for this very definition."""
    return (
        manifest is not None
        and manifest.complete
        and not manifest.missing
        and manifest.definition_sha256 == source.definition_sha256
    )


def fetch_source(
    lake: Lake,
    client: SpotifyClient,
    partition: date,
    source: Source,
    *,
    concurrency: int = 4,
    tries_left: bool = True,
    skip_album: Callable[[Mapping[str, Any]], bool] | None = None,
    begun: Mapping[str, BegunAlbum] | None = None,
    user: str | None = None,
    after_ms: int | None = None,
) -> FetchOutcome:
    """Bring a source's partition into the raw zone, going on from what an earlier attempt stored.

    A finished partition is not asked for again, unless an object of it was lost meanwhile. A crawl that had
    to stop (a closed bucket, midnight) leaves a manifest with `complete` false and what it has. So does one
    that met an outage when no tries are left, if it has anything at all: an album that answers 500 for weeks
    does not keep its source away for as long. `skip_album` says of a listed album that it need not be fetched
    (see `settled`), `begun` which ones are gone on with (see `begun_before`). `user` is the hash of the user
    as whom `client` reads, for a source of an account; `after_ms` the last play known.

    Raises:
        TransientError: some answer could not be had; what was had is stored and not asked for again.
        DamagedObject: an object is lost, and its date has passed.
        TerminalError: Spotify refuses the login, the app or a request.
    """
    before = read_manifest(lake, partition, source.name)
    zone = RawZone(lake, partition, source.name, user)
    if before is not None and is_finished(before, source):
        lost = zone.lost(before)
        if not lost:
            return reuse(before)
        if client.api_now().astimezone(UTC).date() != partition:
            raise DamagedObject(
                f"{len(lost)} objects of source '{source.name}' are lost, the first '{lost[0]}', and Spotify "
                f"no longer answers for {partition}: restore them from a backup, or delete the manifest and "
                "clear the fetch task to go on with what is left"
            )
        log.warning("source %s: %d objects were lost, fetching them again", source.name, len(lost))
    known = begun or {}

    def resume_album(entry: Mapping[str, Any]) -> int | None:
        album = known.get(str(entry.get("id")))
        unchanged = album is not None and listing_sha256(entry) == album.listing_sha256
        return album.next_offset if album is not None and unchanged else None

    result = crawl(
        client,
        source,
        partition=partition,
        have=zone.have,
        keep=zone.keep,
        concurrency=concurrency,
        skip_album=skip_album,
        resume_album=resume_album,
        after_ms=after_ms,
    )
    manifest = Manifest(
        partition=partition,
        source=source.name,
        source_kind=source.kind.value,
        definition_sha256=source.definition_sha256,
        complete=result.complete,
        objects=tuple(zone.describe(request) for request in result.requests),
        missing=tuple(
            MissingRecord(source.kind.value, missing.requested_id, missing.message)
            for missing in result.missing
        ),
        stopped_by=result.message,
        resume_after=result.deadline,
        calls=result.calls + (before.calls if before else 0),
        user=user,
        continued=tuple(
            ContinuedAlbum(album_id, known[album_id].begun_at) for album_id in sorted(result.continued)
        ),
    )
    meanwhile = read_manifest(lake, partition, source.name)
    if meanwhile is not None and meanwhile != before and is_finished(meanwhile, source):
        # another attempt was there first, and this one may have outlived its task
        return replace(reuse(meanwhile), calls=result.calls)
    lake.put(manifest.key, manifest.to_bytes())
    if result.outage is not None and (tries_left or not result.requests):
        raise result.outage
    return replace(reuse(manifest), calls=result.calls)


def settled(warehouse: ConnectionInfo, partition: date, source: str) -> Callable[[Mapping[str, Any]], bool]:
    """Which listed albums are left alone: complete on an earlier date, listed as then, no refresh due.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(warehouse), connect(warehouse, autocommit=True) as conn:
        known = settled_albums(conn, source, partition)

    def skip_album(album: Mapping[str, Any]) -> bool:
        expected = known.get(str(album.get("id")))
        return expected is not None and listing_sha256(album) == expected

    return skip_album


def begun_before(
    warehouse: ConnectionInfo, partition: date, source: str, *, refresh_days: int
) -> Mapping[str, BegunAlbum]:
    """Albums that an earlier date could not read to their end, by id.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(warehouse), connect(warehouse, autocommit=True) as conn:
        return begun_albums(conn, source, partition, refresh_days=refresh_days)


def reuse(manifest: Manifest) -> FetchOutcome:
    """The outcome of an earlier fetch."""
    return FetchOutcome(
        source=manifest.source,
        complete=manifest.complete,
        objects=len(manifest.objects),
        calls=0,
        message=manifest.stopped_by,
        resume_after=manifest.resume_after,
    )


class RawZone:
    """One source and partition of the raw zone, as a crawl sees it; thread-safe."""

    def __init__(self, lake: Lake, partition: date, source: str, user: str | None = None) -> None:
        self._lake = lake
        self._partition = partition
        self._source = source
        self._user = user
        # one listing instead of a question for each request
        self._stored = set(lake.keys(keys.source_prefix(keys.RAW, partition, source, user)))
        self._objects: dict[Request, RawObject] = {}
        self._lock = threading.Lock()

    def lost(self, manifest: Manifest) -> list[str]:
        """Keys that a manifest lists and that are not stored."""
        return [raw.key for raw in manifest.objects if raw.key not in self._stored]

    def have(self, request: Request) -> StoredBody | None:
        """The body that an earlier attempt stored."""
        key = self._key(request)
        return self._read(request, key) if key in self._stored else None

    def _read(self, request: Request, key: str) -> StoredBody | None:
        stored = self._lake.find(key)
        if stored is None:
            return None
        try:
            raw = self._raw(request, key, stored.data, stored.metadata)
        except (KeyError, ValueError) as error:
            raise DamagedObject(
                f"object '{key}' has lost its metadata ({error}): delete it, and it is fetched again"
            ) from error
        self._note(request, raw)
        return StoredBody(stored.data)

    def keep(self, request: Request, response: ApiResponse) -> StoredBody | None:
        """Store a new answer, byte for byte; the one that is there where another attempt was first.

        So a key never changes its content, and every manifest that names it stays true.
        """
        key = self._key(request)
        metadata = {
            "status": str(response.status),
            "observed-at": response.observed_at.isoformat(),
            "requested-id": request.requested_id or "",
        }
        if not self._lake.put_new(key, response.body, metadata=metadata):
            first = self._read(request, key)
            if first is not None:
                return first
            self._lake.put(key, response.body, metadata=metadata)  # deleted in this very moment
        self._note(request, self._raw(request, key, response.body, metadata))
        return None

    def describe(self, request: Request) -> RawObject:
        """The manifest's entry for a request that `have` or `keep` has seen."""
        return self._objects[request]

    def _note(self, request: Request, raw: RawObject) -> None:
        with self._lock:
            self._objects[request] = raw

    def _key(self, request: Request) -> str:
        return keys.raw_key(
            self._partition,
            self._source,
            request.kind.value,
            method=request.method,
            path=request.path,
            query=dict(request.params),
            user=self._user,
        )

    def _raw(self, request: Request, key: str, body: bytes, metadata: Mapping[str, str]) -> RawObject:
        return RawObject(
            key=key,
            kind=request.kind.value,
            method=request.method,
            path=request.path,
            query=dict(request.params),
            requested_id=request.requested_id,
            status=int(metadata["status"]),
            observed_at=keys.parse_instant(metadata["observed-at"]),
            sha256=sha256(body),
            bytes=len(body),
        )
