"""A hash of what a listing says of an album: while it stays, the album is taken not to have changed."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from spotify_pipeline.contract.rows import rows
from spotify_pipeline.contract.validator import validate


def listing_sha256(album: Any) -> str | None:
    """Hash of a simplified album's listing group (name, type, total, release date, artists, cover).

    What depends on who asks (markets, the group within an artist's list) is not in it. None where the record
    breaks the contract: nothing can be said of such an album.
    """
    if not validate("album", album).valid:
        return None
    own = next(iter(rows("album", album)))
    listing = {"id": own.key, **own.groups["listing"]}
    return hashlib.sha256(orjson.dumps(listing, option=orjson.OPT_SORT_KEYS)).hexdigest()
