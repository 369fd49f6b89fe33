"""Finds the albums of a source that were read completely or in part, and stores them as NDJSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from spotify_pipeline.contract.albums import BegunAlbum, CompleteAlbum, listing_sha256
from spotify_pipeline.contract.list_pages import offset_of, total_of
from spotify_pipeline.lake import Lake, RawObject, keys
from spotify_pipeline.lake.manifest import sha256
from spotify_pipeline.lake.validated import NDJSON


class AlbumsSeen:
    """Listings, details and track pages of a source; responses can be added in any order.

    Args:
        continued: albums whose detail and first pages are in an earlier partition, with the detail's time.
    """

    def __init__(self, continued: Mapping[str, datetime] | None = None) -> None:
        # the greatest (observed_at, raw key) wins, as everywhere
        self._listings: dict[str, tuple[datetime, str, str]] = {}
        self._details: dict[str, datetime] = dict(continued or {})
        self._ended: set[str] = set()
        self._next: dict[str, int] = {}

    def add(self, raw: RawObject, body: Any) -> None:
        """Add one response; a body that cannot be read is ignored."""
        if not isinstance(body, dict):
            return
        if raw.kind == "artist_albums":
            for item in body.get("items") or ():
                fingerprint = listing_sha256(item)
                if fingerprint is not None:
                    seen = (raw.observed_at, raw.key, fingerprint)
                    self._listings[item["id"]] = max(self._listings.get(item["id"], seen), seen)
        elif raw.kind == "album" and raw.requested_id:
            self._details[raw.requested_id] = raw.observed_at
            self._note_page(raw.requested_id, body.get("tracks"))
        elif raw.kind == "album_tracks" and raw.requested_id:
            past_the_end = (offset_of(raw.query) or 0) >= (total_of(body) or sys.maxsize)
            # such a page is empty or repeats others: it is the end, even with a link
            self._note_page(raw.requested_id, {**body, "next": None} if past_the_end else body)

    def _note_page(self, album_id: str, page: Any) -> None:
        # pages are fetched one after the other, so if the last one exists, all earlier ones do
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            return
        link = page.get("next")
        if not link:
            self._ended.add(album_id)
        elif (offset := _offset_of(link)) is not None:
            self._next[album_id] = max(self._next.get(album_id, 0), offset)

    def complete(self) -> Iterator[CompleteAlbum]:
        """Yield the listed albums whose detail and last page of tracks were read."""
        for album_id in sorted(self._listings.keys() & self._details.keys() & self._ended):
            yield CompleteAlbum(album_id, self._listings[album_id][2], self._details[album_id])

    def begun(self) -> Iterator[BegunAlbum]:
        """Yield the listed albums whose detail was read, and whose last page of tracks was not."""
        stopped = (self._listings.keys() & self._details.keys() & self._next.keys()) - self._ended
        for album_id in sorted(stopped):
            listing = self._listings[album_id][2]
            yield BegunAlbum(album_id, listing, self._details[album_id], self._next[album_id])


def _offset_of(link: Any) -> int | None:
    try:
        return int(parse_qs(urlsplit(link).query)["offset"][0])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def store_albums(lake: Lake, key: str, albums: Iterable[CompleteAlbum | BegunAlbum]) -> str | None:
    """Write the object and return its SHA-256; without albums, write nothing and return None."""
    lines = b"".join(orjson.dumps(a, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z) for a in albums)
    if not lines:
        return None
    lake.put(key, lines, content_type=NDJSON)
    return sha256(lines)


def parse_complete_albums(data: bytes) -> list[CompleteAlbum]:
    """Read the object's lines back."""
    fields = (orjson.loads(line) for line in data.splitlines())
    return [
        CompleteAlbum(**line | {"observed_at": keys.parse_instant(line["observed_at"])}) for line in fields
    ]


def parse_begun_albums(data: bytes) -> list[BegunAlbum]:
    """Read the object's lines back."""
    fields = (orjson.loads(line) for line in data.splitlines())
    return [BegunAlbum(**line | {"begun_at": keys.parse_instant(line["begun_at"])}) for line in fields]
