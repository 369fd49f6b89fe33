"""Entries of lists: playlist items, saved tracks, top tracks and artists, followed artists, plays.

An entry has no id: it is identified by its position, its track or artist, or the time of the play.
The tracks and artists inside entries are records of their own, which `extract` finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal

from spotify_pipeline.contract.media import Media, is_gone, media_of
from spotify_pipeline.contract.validator import ValidationResult, Violation, validate

EntryKind = Literal["playlist_item", "saved_track", "top_track", "top_artist", "followed_artist", "play"]
EntryMedia = Media | Literal["artist"]
# kind of entry by kind of request
ENTRY_KINDS: Mapping[str, EntryKind] = {
    "playlist_items": "playlist_item",
    "saved_tracks": "saved_track",
    "top_tracks": "top_track",
    "top_artists": "top_artist",
    "followed_artists": "followed_artist",
    "recently_played": "play",
}
LIST_OF_ENTRY: Mapping[str, str] = {
    "playlist_item": "playlist",
    "saved_track": "saved_tracks",
    "top_track": "top_tracks",
    "top_artist": "top_artists",
    "followed_artist": "followed_artists",
}
"""Kind of list by kind of entry, without plays: nothing is removed from a listening history."""
TOP_LISTS = frozenset({"top_track", "top_artist"})
"""Entries of ranked lists, one for each range of time."""
OF_ARTISTS = frozenset({"top_artist", "followed_artist"})
"""Entries that are artists themselves; the others hold a track."""
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
    """Fields of an entry that satisfies the contract. `at` is when it was added or played, in UTC."""

    item_kind: EntryMedia
    track_id: str | None
    at: datetime | None
    context_type: str | None = None
    context_id: str | None = None
    artist_id: str | None = None

    @property
    def is_set_aside(self) -> bool:
        """Whether it holds neither a track nor an artist."""
        return self.item_kind not in ("track", "artist")


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An entry as it is stored: its fields, its list and its response.

    Attributes:
        kind: kind of entry.
        list_id: a playlist's id, a user's hash, or HASH:TIME_RANGE.
        position: place in the list, from 0.
        item_kind: kind of its content.
        track_id: id of its track, or None.
        at: when it was added or played, UTC.
        context_type: kind of the record from which it was played, for example `playlist`.
        context_id: id of that record.
        observed_at: time of the response.
        raw_key: key of the raw object.
        artist_id: id of its artist, or None.
    """

    kind: str
    list_id: str
    position: int
    item_kind: str
    track_id: str | None
    at: datetime | None
    context_type: str | None
    context_id: str | None
    observed_at: datetime
    raw_key: str
    artist_id: str | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """Values that identify it among the entries of its kind."""
        if self.kind == "playlist_item" or self.kind in TOP_LISTS:
            return (self.list_id, self.position)
        if self.kind == "saved_track":
            return (self.list_id, self.track_id)
        if self.kind == "followed_artist":
            return (self.list_id, self.artist_id)
        return (self.list_id, self.at, self.track_id)


@dataclass(frozen=True, slots=True)
class ListRead:
    """One list and how far it was read; `list_id` is as in ListEntry.

    `begun_at` and `observed_at` are the times of its first and last response.
    """

    list_kind: str
    list_id: str
    complete: bool
    item_count: int
    observed_at: datetime
    raw_key: str
    begun_at: datetime | None = None

    @property
    def observed_on(self) -> date:
        """UTC date of the responses."""
        return self.observed_at.astimezone(UTC).date()


def find_entries(request_kind: str, page: Any, requested_offset: int | None = None) -> Iterator[Entry]:
    """Yield the entries of a page in their order; none if such a request has no entries.

    Args:
        request_kind: kind of the request.
        page: the page; its offset is the position of its first entry.
        requested_offset: the offset in the request, used if the page states none.
    """
    kind = ENTRY_KINDS.get(request_kind)
    items = page.get("items") if isinstance(page, dict) else None
    if kind is None or not isinstance(items, list):
        return
    offset = page.get("offset")
    known = (
        isinstance(offset, int) and not isinstance(offset, bool) and 0 <= offset <= OFFSET_MAX - len(items)
    )
    first = offset if known else requested_offset or 0
    for index, item in enumerate(items):
        yield Entry(kind, f"/items/{index}", first + index, item)


def entry_fields(entry: Entry) -> EntryFields:
    """Read the fields of an entry that satisfies the contract, or that is null.

    Raises:
        ValueError: its time does not exist, such as a thirteenth month.
    """
    record = entry.record
    if record is None:
        return EntryFields("null", None, None)
    if entry.kind in OF_ARTISTS:
        return EntryFields("artist", None, None, artist_id=record["id"])
    held = _held(entry.kind, record)
    at = record.get("played_at" if entry.kind == "play" else "added_at")
    context = record.get("context") or {}
    kind = media_of(held, entry_is_local=record.get("is_local") is True)
    return EntryFields(
        item_kind=kind,
        track_id=held.get("id") if kind == "track" and held else None,
        at=datetime.fromisoformat(at) if at else None,
        context_type=context.get("type"),
        context_id=(context.get("uri") or "").rpartition(":")[2] or None,
    )


def _held(kind: EntryKind, record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the object in the field of an entry's track, or None."""
    if kind in OF_ARTISTS:
        return None
    if kind == "top_track":
        return record
    if kind == "playlist_item" and isinstance(record.get("item"), dict):
        item: Mapping[str, Any] = record["item"]
        return item
    # an old entry can have `"track": true`, which is a flag and not a track
    return record.get("track") if isinstance(record.get("track"), dict) else None


def check_entry(entry: Entry) -> EntryFields | ValidationResult:
    """Return the fields of an entry, or the rules that it breaks.

    A null entry breaks no rule. If an entry holds no track, only its own fields are checked.
    """
    if entry.kind in OF_ARTISTS and isinstance(entry.record, dict) and is_gone(entry.record):
        entry = replace(entry, record=None)
    held = _held(entry.kind, entry.record) if isinstance(entry.record, dict) else None
    if held is not None and media_of(held) == "null":
        without = {name: None if value is held else value for name, value in entry.record.items()}
        record = None if held is entry.record else type(entry.record)(without)
        entry = replace(entry, record=record)
    if entry.record is not None:
        result = validate(entry.kind, entry.record)
        if not result.valid:
            return result
    try:
        fields = entry_fields(entry)
    except ValueError as error:
        return ValidationResult(
            (Violation(f"{entry.kind}.instant", "", f"an instant does not exist: {error}"[:500]),)
        )
    if fields.item_kind == "track" and fields.track_id is None:
        return ValidationResult((Violation(f"{entry.kind}.no_id", "", "the id of its track is missing"),))
    return fields
