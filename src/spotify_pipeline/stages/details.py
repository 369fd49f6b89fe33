"""The source `_details`: full tracks from a queue, within a budget of calls a day.

An album's response holds simplified tracks, without ISRC and popularity. The ids that a partition takes from
the queue are stored before the first call, so that each attempt and each later run requests just these.
"""

from __future__ import annotations

import logging
from datetime import UTC, date

import orjson

from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import Lake, Manifest, keys
from spotify_pipeline.sources.model import Source, SourceKind
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.endpoints import AppClass
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import detail_queue
from spotify_pipeline.warehouse.connection import connect

log = logging.getLogger(__name__)

DETAILS = "_details"
TRACKS_PER_CALL = 50
"""Greatest number of ids in a call to /tracks?ids=, which only an Extended app can make."""


def details_source(runtime: Runtime, client: SpotifyClient, partition: date) -> Source | None:
    """Return the source of a partition's details; None if the budget is 0 or the date has passed.

    Raises:
        DamagedObject: the stored selection cannot be read.
        TransientError, AuthenticationError: the store, the warehouse or Spotify cannot be used.
    """
    if not _budget(runtime, client.app_class):
        return None
    lake = runtime.lake
    ids = _stored_selection(lake, partition)
    if ids is None:
        if client.api_now().astimezone(UTC).date() != partition:
            return None
        ids = _select(runtime, client.app_class, partition)
        lake.put(keys.selection_key(partition, DETAILS), orjson.dumps({"ids": ids}))
        log.info("%s: %d tracks taken from the detail queue", partition, len(ids))
    return Source(DETAILS, SourceKind.TRACK, ids=tuple(ids))


def requested_ids(manifest: Manifest) -> set[str]:
    """Return all ids that were requested, including those that Spotify did not return."""
    requested = {missing.requested_id for missing in manifest.missing}
    for raw in manifest.objects:
        if raw.requested_id:
            requested.add(raw.requested_id)
        requested.update(filter(None, raw.query.get("ids", "").split(",")))
    return requested


def _budget(runtime: Runtime, app_class: AppClass) -> int:
    """Return the greatest number of tracks of a day."""
    if app_class is AppClass.EXTENDED:
        return runtime.settings.detail_calls_extended * TRACKS_PER_CALL
    return runtime.settings.detail_calls_development


def _select(runtime: Runtime, app_class: AppClass, partition: date) -> list[str]:
    limit = _budget(runtime, app_class)
    with connect(runtime.ingest, autocommit=True) as conn:
        if app_class is AppClass.EXTENDED:
            return detail_queue.stale_tracks(conn, partition, limit)
        return detail_queue.queued_tracks(conn, limit)


def _stored_selection(lake: Lake, partition: date) -> list[str] | None:
    key = keys.selection_key(partition, DETAILS)
    stored = lake.find(key)
    if stored is None:
        return None
    try:
        return [str(track_id) for track_id in orjson.loads(stored.data)["ids"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedObject(
            f"'{key}' cannot be read ({error}): delete it, and the ids are taken from the queue again"
        ) from error
