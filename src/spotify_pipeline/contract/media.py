"""What an entry of a list holds: a track, or something that is no record of ours.

The records of a response and the entries of its lists are classified by the same function, so that what keeps
its place in a playlist as `null` is never quarantined as a track.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Media = Literal["track", "local", "episode", "null"]
LOCAL_URI = "spotify:local:"
_ADDRESSES = {"uri": "spotify:track:", "href": "/tracks/"}
# a record of these kinds where a track belongs breaks the contract of tracks; other types are unknown media
_RECORDS = frozenset({"track", "album", "artist"})


def media_of(held: Mapping[str, Any] | None, *, entry_is_local: bool = False) -> Media:
    """Classify what stands where a track belongs.

    Args:
        held: The object; None where the entry is empty.
        entry_is_local: Whether the entry around it says that it is a file of the user's own.

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
    # a track that its address names has an id: where the field is missing, the contract refuses it
    named = any(isinstance(held.get(key), str) and mark in held[key] for key, mark in _ADDRESSES.items())
    return "null" if held.get("id") in (None, "") and not named else "track"
