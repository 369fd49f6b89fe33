"""Fetches a source's responses into the raw zone; the manifest is written last.

`fetch_source` fetches one source of a partition, for tasks, commands, developer tools and tests.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from spotify_pipeline.contract.albums import BegunAlbum, listing_sha256
from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import Lake, Manifest, MissingRecord
from spotify_pipeline.lake.manifest import ContinuedAlbum, read_manifest
from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.account_ids import AccountIds
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.crawl import crawl
from spotify_pipeline.stages.clients import Clients
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.raw_zone import RawZone
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.crawl_state import begun_albums, unchanged_albums
from spotify_pipeline.warehouse.erasures import erased_users
from spotify_pipeline.warehouse.plays import cursor_ms

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchOutcome:
    """State of a source in the raw zone after a fetch.

    Attributes:
        source: name in sources.yml.
        complete: whether every page was read to its end.
        objects: number of raw objects.
        calls: API calls made by this attempt.
        message: why the source is not complete.
        resume_after: when the bucket opens whose closing stopped the source.
    """

    source: str
    complete: bool
    objects: int
    calls: int
    message: str | None = None
    resume_after: datetime | None = None

    @property
    def state(self) -> SourceState:
        """The source's state, for the stages that follow."""
        return SourceState(self.source, "complete" if self.complete else "partial", self.message)


@dataclass(frozen=True)
class KnownAlbums:
    """Albums of a source that earlier partitions have read.

    Attributes:
        unchanged: hash of the listing by album id; an album with the same hash is not fetched again.
        begun: albums whose last pages of tracks are missing.
    """

    unchanged: Mapping[str, str]
    begun: Mapping[str, BegunAlbum]

    def skip(self, listing: Mapping[str, Any]) -> bool:
        """Return whether a listed album does not have to be fetched."""
        expected = self.unchanged.get(str(listing.get("id")))
        return expected is not None and listing_sha256(listing) == expected

    def offset(self, listing: Mapping[str, Any]) -> int | None:
        """Return the offset of the first missing track, None for the whole album."""
        album = self.begun.get(str(listing.get("id")))
        if album is None or listing_sha256(listing) != album.listing_sha256:
            return None
        return album.next_offset


NO_ALBUMS = KnownAlbums({}, {})


def is_finished(manifest: Manifest | None, source: Source) -> bool:
    """Return whether nothing is left to fetch: complete, no missing id, and the definition unchanged."""
    return (
        manifest is not None
        and manifest.complete
        and not manifest.missing
        and manifest.definition_sha256 == source.definition_sha256
    )


def fetch_source(
    runtime: Runtime,
    clients: Clients,
    partition: date,
    source: Source,
    *,
    tries_left: bool = True,
) -> FetchOutcome:
    """Fetch a source's partition into the raw zone, except for responses that are already stored.

    Args:
        runtime: settings and connections.
        clients: the task's clients; the source is read with the app's or with the user's.
        partition: date to fetch.
        source: the source.
        tries_left: see `fetch_into_raw`.

    Raises:
        PipelineError: see `fetch_into_raw`.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    user = runtime.user(source.user) if source.kind.needs_login else None
    return fetch_into_raw(
        runtime.lake,
        clients.of(source),
        partition,
        source,
        concurrency=runtime.settings.fetch_concurrency,
        tries_left=tries_left,
        known=_known_albums(runtime, partition, source.name),
        user=user,
        account_ids=None if user is None else _account_ids(runtime),
        after_ms=_known_play(runtime, user) if source.kind is SourceKind.RECENTLY_PLAYED else None,
    )


def stored_state(lake: Lake, partition: date, name: str) -> SourceState:
    """Return the state of a source that can no longer be fetched, from its manifest.

    Raises:
        DamagedObject: its manifest cannot be read.
    """
    manifest = read_manifest(lake, partition, name)
    if manifest is None:
        message = f"source '{name}' is no longer in sources.yml and has no raw for {partition}"
        return SourceState(name, "failed", message)
    return _stored_outcome(manifest).state


def time_to_resume(runtime: Runtime, clients: Clients, outcomes: Iterable[FetchOutcome]) -> timedelta | None:
    """Return for how long a task should release its slot, None if it should not wait.

    It waits if a source is partial because a bucket is closed, and the bucket opens within the setting
    `cooldown_wait_max` and before midnight UTC.
    """
    deadlines = [o.resume_after for o in outcomes if not o.complete and o.resume_after is not None]
    if not deadlines:
        return None
    return shortest_wait(deadlines, clients.app.api_now(), runtime.settings.cooldown_wait_max)


def shortest_wait(deadlines: Iterable[datetime], now: datetime, wait_max: int) -> timedelta | None:
    """Return the time until the first deadline, None if all are too late.

    Args:
        deadlines: when closed buckets open.
        now: the API's own time.
        wait_max: longest wait, in seconds. A deadline after midnight UTC is too late as well: responses
            would be of another date.
    """
    now = now.astimezone(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    latest = min(now + timedelta(seconds=wait_max), midnight)
    near = [deadline for deadline in deadlines if deadline < latest]
    return max(min(near) - now, timedelta()) if near else None


def fetch_into_raw(
    lake: Lake,
    client: SpotifyClient,
    partition: date,
    source: Source,
    *,
    concurrency: int = 4,
    tries_left: bool = True,
    known: KnownAlbums = NO_ALBUMS,
    user: str | None = None,
    account_ids: AccountIds | None = None,
    after_ms: int | None = None,
) -> FetchOutcome:
    """Crawl a source into the raw zone; `fetch_source` supplies the arguments.

    A finished partition is not requested again, unless one of its objects was lost. A crawl that had to stop
    (a closed bucket, midnight) writes a manifest with `complete` false. So does a crawl with an outage if no
    tries are left and it has at least one response: an album that returns 500 for weeks must not block its
    source.

    Args:
        lake: the object store.
        client: reads as the app, or as the user.
        partition: date to fetch.
        source: the source.
        concurrency: requests at a time.
        tries_left: whether the task is tried again after a TransientError.
        known: albums that are not fetched, or not from their beginning.
        user: hash of the user whose account the client reads.
        account_ids: removes ids of users from the responses of an account.
        after_ms: the newest known play of the user, in unix milliseconds.

    Raises:
        TransientError: a request got no response; the other responses are stored and not requested again.
        DamagedObject: an object is lost, and its date has passed.
        TerminalError: Spotify refuses the login, the app or a request.
    """
    before = read_manifest(lake, partition, source.name)
    zone = RawZone(lake, partition, source.name, user, account_ids)
    if before is not None and is_finished(before, source) and not _has_lost_objects(before, zone, client):
        return _stored_outcome(before)
    result = crawl(
        client,
        source,
        partition=partition,
        have=zone.have,
        keep=zone.keep,
        concurrency=concurrency,
        skip_album=known.skip,
        resume_album=known.offset,
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
            MissingRecord(missing.kind, missing.requested_id, missing.message, missing.listed)
            for missing in result.missing
        ),
        stopped_by=result.message,
        resume_after=result.deadline,
        calls=result.calls + (before.calls if before else 0),
        user=user,
        known_play_ms=after_ms,
        continued=tuple(
            ContinuedAlbum(album_id, known.begun[album_id].begun_at) for album_id in sorted(result.continued)
        ),
    )
    meanwhile = read_manifest(lake, partition, source.name)
    if meanwhile is not None and meanwhile != before and is_finished(meanwhile, source):
        # another attempt has finished first: this one may be an orphan of a killed worker
        return replace(_stored_outcome(meanwhile), calls=result.calls)
    lake.put(manifest.key, manifest.to_bytes())
    if result.outage is not None and (tries_left or not result.requests):
        raise result.outage
    return replace(_stored_outcome(manifest), calls=result.calls)


def _has_lost_objects(manifest: Manifest, zone: RawZone, client: SpotifyClient) -> bool:
    """Return whether objects of a finished source are lost and can be fetched again.

    Raises:
        DamagedObject: objects are lost, and their date has passed.
    """
    lost = zone.lost(manifest)
    if not lost:
        return False
    if client.api_now().astimezone(UTC).date() != manifest.partition:
        raise DamagedObject(
            f"{len(lost)} objects of source '{manifest.source}' are lost, the first '{lost[0]}', and Spotify "
            f"has no data of {manifest.partition} any more: restore them from a backup, or delete the "
            "manifest and clear the fetch task to continue with what is left"
        )
    log.warning("source %s: %d objects were lost, fetching them again", manifest.source, len(lost))
    return True


def _known_albums(runtime: Runtime, partition: date, source: str) -> KnownAlbums:
    with connect(runtime.ingest, autocommit=True) as conn:
        return KnownAlbums(
            unchanged_albums(conn, source, partition),
            begun_albums(conn, source, partition, refresh_days=runtime.settings.album_refresh_days),
        )


def _account_ids(runtime: Runtime) -> AccountIds:
    with connect(runtime.ingest, autocommit=True) as conn:
        return AccountIds(runtime.account_key, erased_users(conn))


def _known_play(runtime: Runtime, user: str | None) -> int | None:
    if user is None:
        return None
    with connect(runtime.ingest, autocommit=True) as conn:
        return cursor_ms(conn, user)


def _stored_outcome(manifest: Manifest) -> FetchOutcome:
    return FetchOutcome(
        source=manifest.source,
        complete=manifest.complete,
        objects=len(manifest.objects),
        calls=0,
        message=manifest.stopped_by,
        resume_after=manifest.resume_after,
    )
