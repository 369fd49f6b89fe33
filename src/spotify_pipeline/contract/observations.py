"""Makes observations of records: the rows that are stored as NDJSON and merged into staging.

Absent is not null. Columns come in groups: `listing` are the fields of a simplified record, `detail` those
that only a full one has, and each field that a response can leave out alone (`popularity`, `label`,
`playability`) is a group of its own. A group that a record lacks is left out and overwrites nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from spotify_pipeline.contract.extract import KINDS, Kind
from spotify_pipeline.contract.validator import validate

SIMPLIFIED, FULL = 0, 1
"""Ranks: of two observations made at one time the full one wins."""
Groups = dict[str, dict[str, Any]]
RowKind = Kind | Literal["playlist"]
ROW_KINDS: tuple[RowKind, ...] = (*KINDS, "playlist")
_USER_HASH = re.compile(r"[0-9a-f]{16}")


class Observation(NamedTuple):
    """One observation of a record in a raw object.

    It is made from an accepted record, written to the validated zone and merged into staging.

    Attributes:
        kind: record kind.
        key: the record's id.
        rank: SIMPLIFIED or FULL.
        observed_at: time of the response by the API's clock, UTC.
        raw_key: key of the raw object.
        groups: columns by group and by their name in the staging table.
        stub: the record was only mentioned by another one; it fills the tables and belongs to no source.
    """

    kind: RowKind
    key: str
    rank: int
    observed_at: datetime
    raw_key: str
    groups: Groups
    stub: bool = False

    @property
    def order(self) -> tuple[datetime, int, str]:
        """Sort key: the greatest observation of a record wins."""
        return (self.observed_at, self.rank, self.raw_key)

    @property
    def where(self) -> str:
        """The record and its raw object, for messages."""
        return f"{self.kind} {self.key} of {self.raw_key}"


def observations(
    kind: RowKind, record: dict[str, Any], observed_at: datetime, raw_key: str, album_id: str | None = None
) -> Iterator[Observation]:
    """Yield the record's own observation, then stubs of the albums and artists that it mentions.

    Args:
        kind: record kind.
        record: a record that satisfies the contract.
        observed_at: time of the response.
        raw_key: key of the raw object.
        album_id: album of a track that does not name its own.
    """
    origin = (observed_at, raw_key)
    if kind == "track":
        yield from _track(record, origin, album_id)
    elif kind == "album":
        yield _album(record, origin)
    elif kind == "artist":
        yield _artist(record, origin)
    else:
        # playlists have one form: their entries are read apart
        yield Observation("playlist", record["id"], SIMPLIFIED, *origin, {"listing": _playlist(record)})
        return
    for mentioned in record.get("artists") or ():
        yield _artist_stub(mentioned, origin)


Origin = tuple[datetime, str]


def _artist_stub(mentioned: dict[str, Any], origin: Origin) -> Observation:
    groups = {"listing": {"name": mentioned["name"]}}
    return Observation("artist", mentioned["id"], SIMPLIFIED, *origin, groups, stub=True)


def _whole(value: Any) -> int | None:
    """Return a number as an integer: in JSON, 85.0 is the integer 85."""
    return None if value is None else int(value)


def _artist_ids(record: dict[str, Any]) -> list[str]:
    return [artist["id"] for artist in record.get("artists") or ()]


def _popularity(record: dict[str, Any]) -> Groups:
    if "popularity" not in record:
        return {}
    return {"popularity": {"popularity": _whole(record["popularity"])}}


def _code(record: dict[str, Any], name: str) -> str | None:
    code = (record.get("external_ids") or {}).get(name)
    return code if isinstance(code, str) else None


def _image_url(record: dict[str, Any]) -> str | None:
    images = record.get("images") or ()
    return str(images[0]["url"]) if images else None


def _track(record: dict[str, Any], origin: Origin, album_id: str | None) -> Iterator[Observation]:
    album = record.get("album")
    groups: Groups = {
        "listing": {
            "name": record["name"],
            "album_id": album["id"] if album else album_id,
            "artist_ids": _artist_ids(record),
            "track_number": _whole(record["track_number"]),
            "disc_number": _whole(record["disc_number"]),
            "duration_ms": _whole(record["duration_ms"]),
            "explicit": record["explicit"],
        }
    }
    if "is_playable" in record:  # only where the call named a market
        groups["playability"] = {"is_playable": record["is_playable"]}
    if "external_ids" in record:
        groups["detail"] = {"isrc": _code(record, "isrc")}
    rank = FULL if album else SIMPLIFIED
    yield Observation("track", record["id"], rank, *origin, groups | _popularity(record))
    # a stub needs all columns of the listing group: older responses mention an album by name only
    if album and _is_complete_listing(album):
        listing = {"listing": album_listing(album)}
        yield Observation("album", album["id"], SIMPLIFIED, *origin, listing, stub=True)
        for mentioned in album["artists"]:
            yield _artist_stub(mentioned, origin)


def _is_complete_listing(album: dict[str, Any]) -> bool:
    # an album that a track mentions was not validated as an album before
    needed = ("album_type", "artists", "release_date", "release_date_precision", "total_tracks")
    return all(name in album for name in needed) and validate("album", album).valid


def album_listing(record: dict[str, Any]) -> dict[str, Any]:
    """Return the listing columns of an album that satisfies the contract."""
    return {
        "name": record["name"],
        "album_type": record["album_type"].lower(),
        "total_tracks": _whole(record.get("total_tracks")),
        "release_date_raw": record.get("release_date"),
        "release_date_precision": record.get("release_date_precision"),
        "artist_ids": _artist_ids(record),
        "image_url": _image_url(record),
    }


def _album(record: dict[str, Any], origin: Origin) -> Observation:
    full = any(name in record for name in ("tracks", "label", "external_ids", "copyrights"))
    groups: Groups = {"listing": album_listing(record)}
    if "external_ids" in record:
        groups["detail"] = {"upc": _code(record, "upc")}
    if "label" in record:
        groups["label"] = {"label": record["label"]}
    rank = FULL if full else SIMPLIFIED
    return Observation("album", record["id"], rank, *origin, groups | _popularity(record))


def _artist(record: dict[str, Any], origin: Origin) -> Observation:
    full = any(name in record for name in ("genres", "followers", "images"))
    groups: Groups = {"listing": {"name": record["name"]}}
    if "genres" in record or "images" in record:
        groups["detail"] = {"genres": list(record.get("genres") or ()), "image_url": _image_url(record)}
    if "popularity" in record or "followers" in record:
        followers = (record.get("followers") or {}).get("total")
        groups["popularity"] = {
            "popularity": _whole(record.get("popularity")),
            "followers": _whole(followers),
        }
    return Observation("artist", record["id"], FULL if full else SIMPLIFIED, *origin, groups)


def _playlist(record: Mapping[str, Any]) -> dict[str, Any]:
    # fetch has replaced the id by the hash; an id that is none is not stored
    owner = (record.get("owner") or {}).get("id")
    return {
        "name": record["name"],
        "owner_hash": owner if owner and _USER_HASH.fullmatch(owner) else None,
        "is_public": record.get("public"),
        "is_collaborative": record.get("collaborative"),
        "snapshot_id": record.get("snapshot_id"),
        "description": record.get("description"),
    }
