"""Find the records in an answer of the Web API, whatever its envelope.

Records are tracks, albums and artists that stand on their own: members of a page, a list or a search
result, an object answered alone, the tracks embedded in an album. An album or artist that a track only
mentions is no record (`rows` makes stubs of those).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["track", "album", "artist"]
KINDS: tuple[Kind, ...] = ("track", "album", "artist")
_PLURALS: dict[str, Kind] = {"tracks": "track", "albums": "album", "artists": "artist"}
_SINGLE_KEYS = ("currently_playing",)
# which record kind an answer holds, by the kind of request
EXPECTED: dict[str, Kind | None] = {
    "artist": "artist",
    "artist_albums": "album",
    "album": "album",
    "album_tracks": "track",
    "track": "track",
    "tracks": None,
    "search": None,
    "playlist_items": "track",
    "saved_tracks": "track",
    "top_tracks": "track",
    "recently_played": "track",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A record to validate. `record` is any JSON value; `album_id` is known from where it stood."""

    kind: Kind
    pointer: str
    record: Any
    album_id: str | None = None


@dataclass(frozen=True, slots=True)
class SetAside:
    """An entry that is no record of ours: `reason` is null, local or episode."""

    kind: Kind
    pointer: str
    reason: Literal["null", "local", "episode"]


def find_records(
    body: Any, *, expected: Kind | None = None, album_id: str | None = None
) -> Iterator[Found | SetAside]:
    """Walk a parsed answer and give its records in document order.

    `expected` is the kind that the request asks for, where it is known: then an object of another type is
    given as that kind too, for the contract to refuse, so that nothing is lost. Without it the object's own
    `type` decides, and a shape that is no record gives nothing.
    """
    yield from _walk(body, "", expected, album_id)


def _walk(value: Any, pointer: str, kind: Kind | None, album_id: str | None) -> Iterator[Found | SetAside]:
    if isinstance(value, dict):
        yield from _object(value, pointer, kind, album_id)
    elif kind is not None:
        yield SetAside(kind, pointer, "null") if value is None else Found(kind, pointer, value, album_id)


def _object(
    value: dict[str, Any], pointer: str, kind: Kind | None, album_id: str | None
) -> Iterator[Found | SetAside]:
    own_type = value.get("type")
    if own_type == "episode":
        yield SetAside(kind or "track", pointer, "episode")
    elif own_type in KINDS and (kind is None or kind == own_type):
        yield from _record(own_type, value, pointer, album_id)
    elif own_type not in KINDS and isinstance(value.get("items"), list):
        for index, item in enumerate(value["items"]):
            yield from _walk(item, f"{pointer}/items/{index}", kind or _page_kind(value), album_id)
    elif _is_entry(value):
        yield from _entry(value, pointer)
    elif kind is not None:
        yield from _record(kind, value, pointer, album_id)
    else:
        yield from _containers(value, pointer)


def _record(
    kind: Kind, value: dict[str, Any], pointer: str, album_id: str | None
) -> Iterator[Found | SetAside]:
    uri = value.get("uri")
    if kind == "track" and (
        value.get("is_local") is True or (isinstance(uri, str) and uri.startswith("spotify:local:"))
    ):
        yield SetAside(kind, pointer, "local")
        return
    yield Found(kind, pointer, value, album_id)
    tracks = value.get("tracks")
    if kind == "album" and isinstance(tracks, dict):
        own_id = value.get("id")
        yield from _walk(tracks, f"{pointer}/tracks", "track", own_id if isinstance(own_id, str) else None)


def _is_entry(value: dict[str, Any]) -> bool:
    """Playlist, saved and play entries wrap their record; `item` and `track` can both be there."""
    if "type" in value:
        return False
    return any(key in value and isinstance(value[key], dict | None) for key in ("item", "track")) or (
        "added_at" in value and isinstance(value.get("album"), dict)
    )


def _entry(value: dict[str, Any], pointer: str) -> Iterator[Found | SetAside]:
    if isinstance(value.get("album"), dict):
        yield from _walk(value["album"], f"{pointer}/album", "album", None)
        return
    key = "item" if value.get("item") is not None or "track" not in value else "track"
    if value.get("is_local") is True:
        yield SetAside("track", f"{pointer}/{key}", "local")
    else:
        yield from _walk(value[key], f"{pointer}/{key}", "track", None)


def _containers(value: dict[str, Any], pointer: str) -> Iterator[Found | SetAside]:
    for key, kind in _PLURALS.items():
        inner = value.get(key)
        if isinstance(inner, list):
            for index, item in enumerate(inner):
                yield from _walk(item, f"{pointer}/{key}/{index}", kind, None)
        elif isinstance(inner, dict):
            yield from _walk(inner, f"{pointer}/{key}", kind, None)
    if isinstance(value.get("items"), dict):  # a playlist of 2026 calls its page `items`
        yield from _walk(value["items"], f"{pointer}/items", None, None)
    for key in _SINGLE_KEYS:
        if isinstance(value.get(key), dict):
            yield from _walk(value[key], f"{pointer}/{key}", "track", None)
    if isinstance(value.get("queue"), list):
        for index, item in enumerate(value["queue"]):
            yield from _walk(item, f"{pointer}/queue/{index}", "track", None)


def _page_kind(page: dict[str, Any]) -> Kind | None:
    """Kind of a page's members, for its null entries: the first member that says."""
    for item in page["items"]:
        if isinstance(item, dict):
            if item.get("type") in KINDS:
                kind: Kind = item["type"]
                return kind
            return _entry_kind(item)
    return None


def _entry_kind(item: dict[str, Any]) -> Kind | None:
    if not _is_entry(item):
        return None
    return "album" if isinstance(item.get("album"), dict) else "track"
