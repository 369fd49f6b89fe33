"""Checks the content of a file against the contract, without knowing the request it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.entries import check_entry, find_entries
from spotify_pipeline.contract.extract import Found, find_records, is_entry, own_type
from spotify_pipeline.contract.validator import ValidationResult, Violation, validate

FINDINGS_MAX = 10_000
"""Number of findings kept of one file; `codes` counts all of them."""
_DEPTH_MAX = 8
_RECORDS = ("track", "album", "artist", "episode")


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """One broken rule: `record` and `pointer` are JSON Pointers into the document, `line` counts from 1."""

    kind: str
    code: str
    pointer: str
    record: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class SetAsideEntry:
    """An entry that is set aside, and the reason: null, local or episode."""

    kind: str
    reason: str
    pointer: str
    line: int | None = None


@dataclass
class Survey:
    """Content of a file: counts by record kind and by kind of list entry, and findings."""

    kinds: dict[str, KindCounts] = field(
        default_factory=lambda: {"track": KindCounts(), "album": KindCounts()}
    )
    entries: dict[str, KindCounts] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    findings: list[BrokenRule] = field(default_factory=list)
    set_aside: list[SetAsideEntry] = field(default_factory=list)
    omitted: int = 0

    def add(self, body: Any, line: int | None = None) -> None:
        """Check one document."""
        for item in find_records(body):
            if isinstance(item, Found):
                self._check(self.kinds, item.kind, item.pointer, validate(item.kind, item.record), line)
            else:
                self._set_aside(item.kind, item.reason, item.pointer, line)
        for pointer, playlist in _playlists(body, "", 0):
            if playlist is None:
                self._set_aside("playlist", "null", pointer, line)
            else:
                self._check(self.kinds, "playlist", pointer, validate("playlist", playlist), line)
        for pointer, page in _pages(body, "", 0):
            self._take_entries(pointer, page, line)

    def _take_entries(self, pointer: str, page: dict[str, Any], line: int | None) -> None:
        request = _request_of(page)
        if request is None:
            return
        for entry in find_entries(request, page):
            result = check_entry(entry)
            if isinstance(result, ValidationResult):
                self._check(self.entries, entry.kind, pointer + entry.pointer, result, line)
                continue
            counts = self.entries.setdefault(entry.kind, KindCounts())
            counts.fetched += 1
            # a playlist keeps entries that are not tracks, for their positions
            counts.set_aside += result.is_set_aside and entry.kind != "playlist_item"

    def _check(
        self,
        counts: dict[str, KindCounts],
        kind: str,
        pointer: str,
        result: ValidationResult,
        line: int | None,
    ) -> None:
        of_kind = counts.setdefault(kind, KindCounts())
        of_kind.fetched += 1
        if result.valid:
            return
        of_kind.quarantined += 1
        for violation in result.violations:
            self._note(kind, pointer, violation, line)

    def _note(self, kind: str, record: str, violation: Violation, line: int | None) -> None:
        self.codes[violation.code] += 1
        if len(self.findings) < FINDINGS_MAX:
            where = record + violation.pointer
            self.findings.append(BrokenRule(kind, violation.code, where, record, violation.message, line))
        else:
            self.omitted += 1

    def _set_aside(self, kind: str, reason: str, pointer: str, line: int | None) -> None:
        counts = self.kinds.setdefault(kind, KindCounts())
        counts.fetched += 1
        counts.set_aside += 1
        if len(self.set_aside) < FINDINGS_MAX:
            self.set_aside.append(SetAsideEntry(kind, reason, pointer, line))


def _playlists(value: Any, pointer: str, depth: int) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield the playlists in a value with their pointers; None for a null in a list of playlists."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, list):
        of_playlists = any(_is_playlist(member) for member in value)
        for index, member in enumerate(value):
            if member is None and of_playlists:
                yield f"{pointer}/{index}", None
            else:
                yield from _playlists(member, f"{pointer}/{index}", depth + 1)
    elif isinstance(value, dict) and own_type(value) not in _RECORDS and not is_entry(value):
        if _is_playlist(value):
            yield pointer, value
            return
        for name, inner in value.items():
            if isinstance(inner, dict | list) and name != "context":
                yield from _playlists(inner, f"{pointer}/{name}", depth + 1)


def _is_playlist(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "playlist"


def _pages(value: Any, pointer: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects in a value that have a list of items and are not records."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from _pages(member, f"{pointer}/{index}", depth + 1)
    elif isinstance(value, dict) and own_type(value) not in _RECORDS and not is_entry(value):
        if isinstance(value.get("items"), list):
            yield pointer, value
            return
        # a playlist of 2026 calls its page `items`; if it also has the old `tracks`, both are the same
        both = isinstance(value.get("items"), dict) and isinstance(value.get("tracks"), dict)
        for name, inner in value.items():
            if isinstance(inner, dict | list) and not (both and name == "tracks"):
                yield from _pages(inner, f"{pointer}/{name}", depth + 1)


_LISTS = {
    "/me/tracks": "saved_tracks",
    "/me/top/tracks": "top_tracks",
    "/me/top/artists": "top_artists",
    "/me/following": "followed_artists",
    "/recently-played": "recently_played",
}


def _request_of(page: dict[str, Any]) -> str | None:
    """Return the kind of request that a page comes from, by its address, else by its first entry."""
    first = next((member for member in page["items"] if isinstance(member, dict)), {})
    href = page.get("href")
    path = href.partition("?")[0] if isinstance(href, str) else ""
    listed = next((request for ending, request in _LISTS.items() if path.endswith(ending)), None)
    if listed is not None:
        return listed
    if "played_at" in first:
        return "recently_played"
    if not is_entry(first) or "album" in first or "episode" in first:
        return None
    if "/playlists/" in path or not {"item", "added_by", "is_local"}.isdisjoint(first):
        return "playlist_items"
    return "saved_tracks" if "added_at" in first and "track" in first else None
