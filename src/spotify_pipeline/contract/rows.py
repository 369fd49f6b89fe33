"""From an accepted record to rows of the warehouse: which fields it has, in which groups.

Absent is not null. `listing` is what a simplified record carries, `detail` what only the full one does; what
an answer may leave out on its own (`popularity`, `label`, `playability`) is a group of its own. A group that
the record lacks is left out of the row and overwrites nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from spotify_pipeline.contract.extract import KINDS, Kind
from spotify_pipeline.contract.validator import validate

SIMPLIFIED, FULL = 0, 1
Groups = dict[str, dict[str, Any]]
RowKind = Kind | Literal["playlist"]
ROW_KINDS: tuple[RowKind, ...] = (*KINDS, "playlist")


@dataclass(frozen=True, slots=True)
class Row:
    """One row to merge: key, shape rank and groups of columns. A stub was only mentioned by a record."""

    kind: RowKind
    key: str
    rank: int
    groups: Groups
    stub: bool = False


def rows(kind: Kind, record: dict[str, Any], album_id: str | None = None) -> Iterator[Row]:
    """Give the record's own row, then stubs of the albums and artists that it mentions.

    The record must hold the contract.
    """
    if kind == "track":
        yield from _track(record, album_id)
    elif kind == "album":
        yield _album(record)
    else:
        yield _artist(record)
    for mentioned in record.get("artists") or ():
        yield Row("artist", mentioned["id"], SIMPLIFIED, {"listing": {"name": mentioned["name"]}}, stub=True)


def _whole(value: Any) -> int | None:
    """JSON has one kind of number: 85.0 is the integer 85."""
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


def _track(record: dict[str, Any], album_id: str | None) -> Iterator[Row]:
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
    yield Row("track", record["id"], FULL if album else SIMPLIFIED, groups | _popularity(record))
    # a stub needs all that the listing group holds: older shapes mention an album by name only
    if album and _is_complete_listing(album):
        yield Row("album", album["id"], SIMPLIFIED, {"listing": _album_listing(album)}, stub=True)
        for mentioned in album["artists"]:
            yield Row(
                "artist", mentioned["id"], SIMPLIFIED, {"listing": {"name": mentioned["name"]}}, stub=True
            )


def _is_complete_listing(album: dict[str, Any]) -> bool:
    # what a track mentions was not held to the album contract: taken only when it would hold
    needed = ("album_type", "artists", "release_date", "release_date_precision", "total_tracks")
    return all(name in album for name in needed) and validate("album", album).valid


def _album_listing(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": record["name"],
        "album_type": record["album_type"].lower(),
        "total_tracks": _whole(record.get("total_tracks")),
        "release_date_raw": record.get("release_date"),
        "release_date_precision": record.get("release_date_precision"),
        "artist_ids": _artist_ids(record),
        "image_url": _image_url(record),
    }


def _album(record: dict[str, Any]) -> Row:
    full = any(name in record for name in ("tracks", "label", "external_ids", "copyrights"))
    groups: Groups = {"listing": _album_listing(record)}
    if "external_ids" in record:
        groups["detail"] = {"upc": _code(record, "upc")}
    if "label" in record:
        groups["label"] = {"label": record["label"]}
    return Row("album", record["id"], FULL if full else SIMPLIFIED, groups | _popularity(record))


def _artist(record: dict[str, Any]) -> Row:
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
    return Row("artist", record["id"], FULL if full else SIMPLIFIED, groups)
