"""Entries of lists: what a playlist, a library, a top list or a listening history says of a track.

An entry has no id: it is known by its place in its list, or by when it was played. The tracks that entries
hold are records of their own, which `extract` finds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from spotify_pipeline.contract.rows import SIMPLIFIED, Groups
from spotify_pipeline.contract.validator import Verdict, Violation, validate

EntryKind = Literal["playlist_item", "saved_track", "top_track", "play"]
ItemKind = Literal["track", "local", "episode", "null"]
# which entries an answer holds, by the kind of request
ENTRY_KINDS: Mapping[str, EntryKind] = {
    "playlist_items": "playlist_item",
    "saved_tracks": "saved_track",
    "top_tracks": "top_track",
    "recently_played": "play",
}
OFFSET_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry to validate; `position` counts from 0 in the whole list."""

    kind: EntryKind
    pointer: str
    position: int
    record: Any


@dataclass(frozen=True, slots=True)
class EntryFields:
    """What an entry that holds the contract says. `at` is when it was added or played, in UTC."""

    item_kind: ItemKind
    track_id: str | None
    at: datetime | None
    context_type: str | None = None
    context_id: str | None = None


def find_entries(request_kind: str, body: Any) -> Iterator[Entry]:
    """The entries of a page, in their order; nothing where the request has none."""
    kind = ENTRY_KINDS.get(request_kind)
    items = body.get("items") if isinstance(body, dict) else None
    if kind is None or not isinstance(items, list):
        return
    offset = body.get("offset")
    known = (
        isinstance(offset, int) and not isinstance(offset, bool) and 0 <= offset <= OFFSET_MAX - len(items)
    )
    first = offset if known else 0
    for index, item in enumerate(items):
        yield Entry(kind, f"/items/{index}", first + index, item)


def entry_fields(entry: Entry) -> EntryFields:
    """Read an entry that holds the contract, or that is null.

    Raises:
        ValueError: its instant is none, such as a thirteenth month.
    """
    record = entry.record
    if record is None:
        return EntryFields("null", None, None)
    if entry.kind == "top_track":
        held = record
    elif entry.kind == "playlist_item" and isinstance(record.get("item"), dict):
        held = record["item"]
    else:
        # an old entry may say `"track": true` of what `item` holds: then there is nothing
        held = record.get("track") if isinstance(record.get("track"), dict) else None
    at = record.get("played_at" if entry.kind == "play" else "added_at")
    context = record.get("context") or {}
    kind = _item_kind(record, held)
    return EntryFields(
        item_kind=kind,
        track_id=held["id"] if kind == "track" and held else None,
        at=datetime.fromisoformat(at) if at else None,
        context_type=context.get("type"),
        context_id=(context.get("uri") or "").rpartition(":")[2] or None,
    )


def _item_kind(record: Mapping[str, Any], held: Mapping[str, Any] | None) -> ItemKind:
    if held is None:
        return "null"
    if held.get("type") == "episode":
        return "episode"
    if record.get("is_local") is True or held.get("is_local") is True:
        return "local"
    uri = held.get("uri")
    if isinstance(uri, str) and uri.startswith("spotify:local:"):
        return "local"
    # what was taken down can keep its place and lose its id
    return "track" if held.get("id") else "null"


def judge_entry(entry: Entry) -> EntryFields | Verdict:
    """What an entry says, or the rules that it breaks; a null entry breaks none."""
    if entry.record is not None:
        verdict = validate(entry.kind, entry.record)
        if not verdict.valid:
            return verdict
    try:
        return entry_fields(entry)
    except ValueError as error:
        return Verdict((Violation(f"{entry.kind}.instant", "", f"an instant is none: {error}"[:500]),))


def playlist_groups(record: Mapping[str, Any]) -> Groups:
    """Columns of a playlist that holds the contract; its owner only as a hash, as users are named here."""
    owner = (record.get("owner") or {}).get("id")
    return {
        "listing": {
            "name": record["name"],
            "owner_hash": hashlib.sha256(owner.encode()).hexdigest()[:16] if owner else None,
            "is_public": record.get("public"),
            "is_collaborative": record.get("collaborative"),
            "snapshot_id": record.get("snapshot_id"),
            "description": record.get("description"),
        }
    }


PLAYLIST_RANK = SIMPLIFIED
"""Playlists have one shape: their entries are read apart."""
