"""Classifies the object in a list entry: a track, a local file, an episode, or nothing.

The same function classifies the records of a response and the entries of its lists, so that an entry that
counts as `null` in a playlist is never quarantined as a track.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Media = Literal["track", "local", "episode", "null"]
LOCAL_URI = "spotify:local:"
# another record of these kinds breaks the contract of tracks; other types are unknown media
_RECORDS = frozenset({"track", "album", "artist"})


def media_of(held: Mapping[str, Any] | None, *, entry_is_local: bool = False) -> Media:
    """Classify the object in the place of a track.

    Args:
        held: The object; None if the entry is empty.
        entry_is_local: Whether the entry around it has `is_local`.

    Returns:
        `null` for nothing, for a track without an id, which Spotify no longer shows, and for media of a type
        that is neither track nor episode.
    """
    if held is None:
        return "null"
    if held.get("type") == "episode":
        return "episode"
    uri = held.get("uri")
    if entry_is_local or held.get("is_local") is True or (isinstance(uri, str) and uri.startswith(LOCAL_URI)):
        return "local"
    if isinstance(held.get("type"), str) and held["type"] not in _RECORDS:
        return "null"
    return "track" if _has_id(held, "track") else "null"


def is_gone(artist: Mapping[str, Any]) -> bool:
    """Return whether an artist of a list has no id, because Spotify no longer shows it."""
    return "id" in artist and artist.get("type") in (None, "artist") and not _has_id(artist, "artist")


def _has_id(record: Mapping[str, Any], kind: str) -> bool:
    """Return whether a record has an id, or lacks the field although its address names one."""
    if "id" in record:
        return record["id"] not in (None, "")
    addresses = ((record.get("uri"), f"spotify:{kind}:"), (record.get("href"), f"/{kind}s/"))
    return any(isinstance(address, str) and mark in address for address, mark in addresses)
