"""Raw responses of the Web API for benchmarks, made by rule: equal arguments give equal bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import orjson

from spotify_pipeline.lake import Lake, Manifest, RawObject, keys
from spotify_pipeline.lake.manifest import sha256

TRACKS = 50
"""Tracks of an album, and of a page of full tracks."""
# Spotify lists about 180 countries for most tracks; the list is most of the bytes of a full track
MARKETS = [a + b for a in "ABCDEFGHIJKLMNO" for b in "ACEGIKMOQSUW"]


def album(number: int, day: int) -> dict[str, Any]:
    """Return a full album with its first page of tracks, which are simplified."""
    artist = _artist(number)
    items = [
        {
            "id": f"track{number:013d}{place:04d}",
            "name": f"Track {place} of album {number}, day {(day + place) // 7}",
            "type": "track",
            "artists": [artist],
            "disc_number": 1,
            "track_number": place,
            "duration_ms": 200_000 + place,
            "explicit": False,
            "is_local": False,
        }
        for place in range(1, TRACKS + 1)
    ]
    return _album(number) | {"popularity": (number + day) % 101, "label": "Label", "tracks": _page(items)}


def full_tracks(number: int, day: int) -> dict[str, Any]:
    """Return a page of search results: full tracks of about 2.5 kB, all of one album."""
    items = [
        {
            "id": f"track{number:013d}{place:04d}",
            "name": f"Track {place} of album {number}, day {(day + place) // 7}",
            "type": "track",
            "album": _album(number) | {"available_markets": MARKETS},
            "artists": [_artist(number)],
            "available_markets": MARKETS,
            "disc_number": 1,
            "track_number": place,
            "duration_ms": 200_000 + place,
            "explicit": False,
            "is_local": False,
            "external_ids": {"isrc": f"QZ{number:06d}{place:04d}"},
            "popularity": (number + place + day) % 101,
            "preview_url": None,
        }
        for place in range(1, TRACKS + 1)
    ]
    return {
        "tracks": {"items": items, "limit": 50, "offset": 0, "next": None, "previous": None, "total": TRACKS}
    }


def write_partition(
    lake: Lake, partition: date, source: str, kind: str, bodies: Iterable[tuple[str, dict[str, Any]]]
) -> None:
    """Store the responses of one source and date as the fetch stage does, then the manifest.

    Args:
        lake: where it is stored.
        partition: the date.
        source: name of the source.
        kind: of the requests, as the manifest names it: `album` or `search`.
        bodies: path of each request, and its response.
    """
    observed_at = datetime(partition.year, partition.month, partition.day, 3, tzinfo=UTC)
    objects = tuple(_store(lake, observed_at, source, kind, path=path, body=body) for path, body in bodies)
    manifest = Manifest(partition, source, kind, sha256(source.encode()), True, objects)
    lake.put(manifest.key, manifest.to_bytes())


def _store(
    lake: Lake, observed_at: datetime, source: str, kind: str, *, path: str, body: dict[str, Any]
) -> RawObject:
    key = keys.raw_key(observed_at.date(), source, kind, method="GET", path=path, query={})
    data = orjson.dumps(body)
    lake.put(key, data)
    digest = sha256(data)
    return RawObject(key, kind, "GET", path, {}, body.get("id"), 200, observed_at, digest, len(data))


def _page(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": items, "limit": 50, "offset": 0, "next": None, "previous": None, "total": TRACKS}


def _artist(number: int) -> dict[str, Any]:
    return {"id": f"artist{number // 2:016d}", "name": f"Artist {number // 2}", "type": "artist"}


def _album(number: int) -> dict[str, Any]:
    return {
        "id": f"album{number:017d}",
        "name": f"Album {number}",
        "type": "album",
        "album_type": "album",
        "artists": [_artist(number)],
        "images": [],
        "release_date": "2020-01-31",
        "release_date_precision": "day",
        "total_tracks": TRACKS,
    }
