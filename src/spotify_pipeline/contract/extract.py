"""Finds the records in a response of the Web API, in any envelope.

Records are tracks, albums and artists that are members of a page, a list or a search result, that are
returned alone, or that are the tracks embedded in an album. An album or artist that a track only mentions
is not a record (`observations` makes stubs of those).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from spotify_pipeline.contract.media import LOCAL_URI, is_gone, media_of

Kind = Literal["track", "album", "artist"]
KINDS: tuple[Kind, ...] = ("track", "album", "artist")
_PLURALS: dict[str, Kind] = {"tracks": "track", "albums": "album", "artists": "artist"}
# an object that wraps a record has one of these, and neither a type nor an id of its own
_ENTRY_MARKS = frozenset({"added_at", "added_by", "played_at"})
# media in a library of which the pipeline keeps no records
_OTHER_MEDIA = ("show", "audiobook", "chapter")
_RECORD_MARKS = frozenset({"id", "uri", "name", "href", "type"})
# objects that mention a record without describing it
_MENTIONS = frozenset({"context", "linked_from", "owner", "error", "actions", "seeds"})
_DEPTH_MAX = 24
_NAME = re.compile(r"[0-9A-Za-z_.-]{1,32}")
# record kind in a response, by the kind of request
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
    "top_artists": "artist",
    "followed_artists": None,
    "recently_played": "track",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A record to validate: any JSON value at a pointer. `album_id` comes from the album around it."""

    kind: Kind
    pointer: str
    record: Any
    album_id: str | None = None


@dataclass(frozen=True, slots=True)
class SetAside:
    """An entry that is set aside; see `media_of` for what counts as `null`."""

    kind: Kind
    pointer: str
    reason: Literal["null", "local", "episode"]


Item = Found | SetAside


def find_records(body: Any, *, expected: Kind | None = None, album_id: str | None = None) -> Iterator[Item]:
    """Walk a parsed body and yield its records in document order.

    Args:
        body: the parsed JSON.
        expected: kind that the request asks for. An object of another type is yielded as that kind too, so
            that the contract refuses it and nothing is lost. Without it, the kind is the object's `type`,
            else the one in its `uri`; an object that has neither yields nothing.
        album_id: album of the tracks, if the request names it.
    """
    yield from _walk(body, "", expected, album_id)


def _walk(value: Any, pointer: str, kind: Kind | None, album_id: str | None) -> Iterator[Item]:
    shallow = pointer.count("/") <= _DEPTH_MAX
    if isinstance(value, dict) and shallow:
        yield from _object(value, pointer, kind, album_id)
    elif isinstance(value, list) and kind is None and shallow:
        yield from _members(value, pointer, None, album_id)
    elif kind is not None:
        yield SetAside(kind, pointer, "null") if value is None else Found(kind, pointer, value, album_id)


def _object(value: dict[str, Any], pointer: str, kind: Kind | None, album_id: str | None) -> Iterator[Item]:
    own = own_type(value)
    if own == "episode":
        yield SetAside(kind or "track", pointer, "episode")
    elif kind == "track" and isinstance(own, str) and own not in KINDS and not _is_container(value):
        yield SetAside(kind, pointer, "null")
    elif own in KINDS and (kind is None or kind == own):
        yield from _record(own, value, pointer, album_id)
    elif own not in KINDS and isinstance(value.get("items"), list):
        yield from _members(value["items"], f"{pointer}/items", kind, album_id)
    elif is_entry(value):
        yield from _entry(value, pointer)
    elif kind is not None:
        yield from _record(kind, value, pointer, album_id)
    else:
        yield from _containers(value, pointer)


def _members(values: list[Any], pointer: str, kind: Kind | None, album_id: str | None) -> Iterator[Item]:
    kind = kind or _kind_of_members(values)
    for index, value in enumerate(values):
        yield from _walk(value, f"{pointer}/{index}", kind, album_id)


def own_type(value: dict[str, Any]) -> Any:
    """Return the `type` of an object, else the one in its `uri`: a request's `fields=` can drop `type`."""
    if "type" in value or not isinstance(value.get("uri"), str) or is_entry(value):
        return value.get("type")
    scheme, _, rest = value["uri"].partition(":")
    return rest.partition(":")[0] if scheme == "spotify" and not value["uri"].startswith(LOCAL_URI) else None


def _record(kind: Kind, value: dict[str, Any], pointer: str, album_id: str | None) -> Iterator[Item]:
    if kind == "track":
        media = media_of(value)
        if media != "track":
            yield SetAside(kind, pointer, media)
            return
    if kind == "artist" and is_gone(value):
        yield SetAside(kind, pointer, "null")
        return
    yield Found(kind, pointer, value, album_id)
    if kind != "album":
        return
    own_id, tracks = value.get("id"), value.get("tracks")
    where = f"{pointer}/tracks"
    if isinstance(tracks, dict):
        where, tracks = f"{where}/items", tracks.get("items")
    if isinstance(tracks, list):
        yield from _members(tracks, where, "track", own_id if isinstance(own_id, str) else None)


def is_entry(value: dict[str, Any]) -> bool:
    """Return whether an object wraps a record: an entry of a playlist, library or listening history."""
    if "type" in value or "id" in value:
        return False
    if not _ENTRY_MARKS.isdisjoint(value):
        return True
    held = [value[key] for key in ("item", "track") if key in value]
    return any(inner is None or _looks_like_record(inner) for inner in held)


def _is_container(value: dict[str, Any]) -> bool:
    return isinstance(value.get("items"), list) or is_entry(value)


def _looks_like_record(value: Any) -> bool:
    return isinstance(value, dict) and not _RECORD_MARKS.isdisjoint(value)


def _entry(value: dict[str, Any], pointer: str) -> Iterator[Item]:
    if isinstance(value.get("album"), dict):
        yield from _walk(value["album"], f"{pointer}/album", "album", None)
        return
    keys = [key for key in ("item", "track", "episode") if key in value]
    # an entry can have equal `item` and `track`: they count once
    key = next((key for key in keys if isinstance(value[key], dict)), None)
    if key is None and any(name in value for name in _OTHER_MEDIA):
        return
    if value.get("is_local") is True:
        yield SetAside("track", f"{pointer}/{key or (keys or [''])[0]}".rstrip("/"), "local")
    elif key is not None:
        yield from _walk(value[key], f"{pointer}/{key}", "track", None)
    elif odd := next((name for name in keys if value[name] is not None and value[name] is not True), None):
        yield Found("track", f"{pointer}/{odd}", value[odd])
    else:
        yield SetAside("track", f"{pointer}/{keys[0]}" if keys else pointer, "null")


def _containers(value: dict[str, Any], pointer: str) -> Iterator[Item]:
    """Yield the records under the names of an object: a search, a playlist, a queue, or any other."""
    for key, inner in _parts(value):
        where = f"{pointer}/{key}"
        kind = _PLURALS.get(key)
        if key in ("queue", "currently_playing") and isinstance(inner, list | dict):
            kind = "track"
        if isinstance(inner, list):
            yield from _members(inner, where, kind, None)
        elif isinstance(inner, dict):
            yield from _walk(inner, where, kind if kind and _holds(inner, key) else None, None)


def _holds(value: dict[str, Any], key: str) -> bool:
    """Return whether tracks are embedded: a playlist in a list only links to its tracks."""
    return key == "currently_playing" or isinstance(value.get("items"), list)


def _parts(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    # a playlist of 2026 calls its page `items`; if it also has the old `tracks`, both are the same
    both = isinstance(value.get("items"), dict) and isinstance(value.get("tracks"), dict)
    skipped = _MENTIONS | {"tracks"} if both else _MENTIONS
    # a pointer is kept in the warehouse: a name that is not one Spotify would choose is not followed
    return ((key, inner) for key, inner in value.items() if key not in skipped and _NAME.fullmatch(key))


def _kind_of_members(values: list[Any]) -> Kind | None:
    """Return the kind of a list's null members: that of its first member with a type."""
    for value in values:
        if isinstance(value, dict):
            own = own_type(value)
            if own in KINDS:
                kind: Kind = own
                return kind
            if own == "episode":
                return "track"
            if is_entry(value):
                return "album" if isinstance(value.get("album"), dict) else "track"
            return None
    return None
