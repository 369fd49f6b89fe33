"""Gives a crawl access to the raw zone: finds stored responses, and stores new ones."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date

from spotify_pipeline.errors import DamagedObject, UserErased
from spotify_pipeline.lake import Lake, Manifest, RawObject, keys
from spotify_pipeline.lake.manifest import sha256
from spotify_pipeline.spotify.account_ids import AccountIds
from spotify_pipeline.spotify.client import ApiResponse
from spotify_pipeline.spotify.crawl import StoredBody
from spotify_pipeline.spotify.endpoints import Request, RequestKind


class RawZone:
    """One source and partition of the raw zone. Thread-safe.

    Args:
        lake: the object store.
        partition: date of the responses.
        source: name of the source.
        user: hash of the user whose account the responses are from.
        account_ids: removes ids of users from new responses; required for responses of an account.
    """

    def __init__(
        self,
        lake: Lake,
        partition: date,
        source: str,
        user: str | None = None,
        account_ids: AccountIds | None = None,
    ) -> None:
        self._lake = lake
        self._partition = partition
        self._source = source
        self._user = user
        self._account_ids = account_ids
        # one listing instead of one request for each key
        self._stored = set(lake.keys(keys.source_prefix(keys.RAW, partition, source, user)))
        self._objects: dict[Request, RawObject] = {}
        self._lock = threading.Lock()

    def lost(self, manifest: Manifest) -> list[str]:
        """Return the keys in a manifest that are not stored."""
        return [raw.key for raw in manifest.objects if raw.key not in self._stored]

    def have(self, request: Request) -> StoredBody | None:
        """Return the body that an earlier attempt stored, or None.

        Raises:
            DamagedObject: the object exists without its metadata.
        """
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
        """Store a new response byte for byte, except for ids and names of users.

        A key that exists is not overwritten, so that manifests that contain it stay valid.

        Returns:
            The body that another attempt stored first, to be used instead; None if this one was stored.

        Raises:
            UserErased: it is a playlist of a user whose data was erased; nothing is stored.
        """
        key = self._key(request)
        body = response.body
        if self._account_ids is not None:
            if request.kind is RequestKind.PLAYLIST and self._account_ids.is_erased_owner(response.document):
                raise UserErased(
                    f"the data of the owner of playlist {request.requested_id} was erased, so it is not read"
                )
            body = self._account_ids.removed_from(body)
        metadata = {
            "status": str(response.status),
            "observed-at": response.observed_at.isoformat(),
            "requested-id": request.requested_id or "",
        }
        if not self._lake.put_new(key, body, metadata=metadata):
            first = self._read(request, key)
            if first is not None:
                return first
            self._lake.put(key, body, metadata=metadata)  # deleted between the two calls
        self._note(request, self._raw(request, key, body, metadata))
        return None

    def describe(self, request: Request) -> RawObject:
        """Return the manifest's entry for a request that `have` found or `keep` stored."""
        return self._objects[request]

    def _note(self, request: Request, raw: RawObject) -> None:
        with self._lock:
            self._objects[request] = raw

    def _key(self, request: Request) -> str:
        query = dict(request.params)
        if request.reading > 1:  # a page that was requested again has a key of its own
            query["#reading"] = str(request.reading)
        return keys.raw_key(
            self._partition,
            self._source,
            request.kind.value,
            method=request.method,
            path=request.path,
            query=query,
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
