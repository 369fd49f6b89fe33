"""State of an album between two crawls: a hash that shows whether it changed, and how far it was read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from spotify_pipeline.contract.observations import album_listing
from spotify_pipeline.contract.validator import validate


@dataclass(frozen=True, slots=True)
class CompleteAlbum:
    """An album whose detail and all track pages were read; `observed_at` is the detail's time."""

    album_id: str
    listing_sha256: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class BegunAlbum:
    """An album that was read in part: its detail at `begun_at`, and its tracks before `next_offset`."""

    album_id: str
    listing_sha256: str
    begun_at: datetime
    next_offset: int


def listing_sha256(album: Any) -> str | None:
    """Hash the fields of an album in a listing; an equal hash means that the album is unchanged.

    The hash covers name, type, total, release date, artists and cover. It leaves out the fields that
    depend on the request: markets, and the group within an artist's list.

    Returns:
        The hash, or None if the record breaks the contract.
    """
    if not validate("album", album).valid:
        return None
    listing = {"id": album["id"], **album_listing(album)}
    return hashlib.sha256(orjson.dumps(listing, option=orjson.OPT_SORT_KEYS)).hexdigest()
