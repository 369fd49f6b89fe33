"""Stores recorded responses as raw objects of a pipeline."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from spotify_pipeline.lake import Manifest, RawObject, keys
from spotify_pipeline.lake.manifest import sha256
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.stages.validate import validate_source
from tests.integration.pipeline import DAY, Pipeline

USER = "0123456789abcdef"
# recorded responses by kind of request; the other recorded ones are of endpoints that are not called
REQUESTS = {
    "album": ("album.json", "GetAlbumRequest.json"),
    "album_tracks": ("album_tracks.json", "find_album_tracks.json", "GetAlbumsTracksRequest.json"),
    "artist": ("artist.json", "find_artist.json", "GetArtistRequest.json"),
    "artist_albums": ("artist_albums.json", "artist_albums_limit_2.json", "GetArtistsAlbumsRequest.json"),
    "track": ("track.json", "find_track.json", "find_track_with_floats.json", "GetTrackRequest.json"),
    "tracks": ("tracks.json", "find_tracks_simple.json", "find_tracks_notfound.json"),
    "search": (
        "search_track.json",
        "search_album.json",
        "search_artist.json",
        "SearchTracksRequest.json",
        "SearchItemRequest.json",
        "SearchAlbumsSpecialRequest.json",
    ),
    "playlist_items": (
        "playlist_tracks.json",
        "playlist_items_tracks.json",
        "playlist_items_episodes.json",
        "playlist_items_episodes_and_tracks.json",
        "GetPlaylistsItemsRequest.json",
        "GetPlaylistsItemsRequest_Episode.json",
        "playlist_page_null_track.json",
    ),
    "saved_tracks": (
        "user_saved_tracks.json",
        "current_users_tracks.json",
        "GetUsersSavedTracksRequest.json",
    ),
    "top_tracks": ("user_top_tracks.json", "current_users_top_tracks.json", "GetUsersTopTracksRequest.json"),
    "top_artists": ("current_users_top_artists.json", "GetUsersTopArtistsRequest.json"),
    "recently_played": (
        "recently_played_tracks.json",
        "player_recently_played.json",
        "GetCurrentUsersRecentlyPlayedTracksRequest.json",
    ),
}


def validate_recorded(pipeline: Pipeline, number: int, kind: str, body: bytes) -> ValidationSummary:
    """Store one response as a separate source and validate it."""
    source, path = f"recorded-{number}", f"/recorded/{number}"
    query = {"time_range": "long_term"}
    key = keys.raw_key(DAY, source, kind, method="GET", path=path, query=query, user=USER)
    raw = RawObject(
        key,
        kind,
        "GET",
        path,
        query,
        "0" * 22,
        200,
        datetime(2026, 11, 22, 6, tzinfo=UTC),
        sha256(body),
        len(body),
    )
    pipeline.lake.put(key, body)
    manifest = Manifest(DAY, source, "playlist", "0" * 64, True, (raw,), user=USER)
    pipeline.lake.put(manifest.key, manifest.to_bytes())
    return validate_source(pipeline.lake, DAY, source)


def spoiled(body: bytes) -> bytes:
    """Return the response with negative durations and flags of the wrong type, which break the contract."""
    text = json.dumps(json.loads(body))
    return (
        text.replace('"duration_ms": 2', '"duration_ms": -2')
        .replace('"explicit": true', '"explicit": 1')
        .encode()
    )
