"""Which albums of a source are whole, told from its answers alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from spotify_pipeline.contract.fingerprint import listing_sha256
from spotify_pipeline.lake import Lake, RawObject, keys
from spotify_pipeline.warehouse.crawl_state import CompleteAlbum


class AlbumsSeen:
    """Listings, details and track pages as a validation passes them, in any order."""

    def __init__(self) -> None:
        # the greatest (observed_at, raw key) wins, as everywhere
        self._listings: dict[str, tuple[datetime, str, str]] = {}
        self._details: dict[str, datetime] = {}
        self._ended: set[str] = set()

    def take(self, raw: RawObject, body: Any) -> None:
        """Note what one answer says; a shape that cannot be read says nothing."""
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
            self._note_end(raw.requested_id, body.get("tracks"))
        elif raw.kind == "album_tracks" and raw.requested_id:
            self._note_end(raw.requested_id, body)

    def _note_end(self, album_id: str, page: Any) -> None:
        # pages are fetched one after the other, so the last one stands for all before it
        if isinstance(page, dict) and isinstance(page.get("items"), list) and not page.get("next"):
            self._ended.add(album_id)

    def complete(self) -> Iterator[CompleteAlbum]:
        """Albums that were listed, and of which the detail and the last page of tracks are there."""
        for album_id in sorted(self._listings.keys() & self._details.keys() & self._ended):
            yield CompleteAlbum(album_id, self._listings[album_id][2], self._details[album_id])


def store_complete_albums(lake: Lake, key: str, albums: AlbumsSeen) -> None:
    """Write the object, or remove an old one where no album is whole."""
    lines = b"".join(
        orjson.dumps(a, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z) for a in albums.complete()
    )
    if lines:
        lake.put(key, lines, content_type="application/x-ndjson")
    else:
        lake.delete(key)


def read_complete_albums(lake: Lake, key: str) -> list[CompleteAlbum]:
    """Read the object back; empty where there is none."""
    stored = lake.find(key)
    if stored is None:
        return []
    fields = (orjson.loads(line) for line in stored.data.splitlines())
    return [
        CompleteAlbum(**line | {"observed_at": keys.parse_instant(line["observed_at"])}) for line in fields
    ]
