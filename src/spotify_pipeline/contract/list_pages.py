"""Decides whether the pages that were read are the whole list.

A list that ends is incomplete if a page has stated a greater `total` than the entries that were read, if a
page repeats entries of another, or if it states another offset than the requested one; a `total` that agrees
proves nothing. The crawl and the validation both use this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_PAGE_UNDER = {"followed_artists": "artists"}
"""Field that contains the page, by kind of request; other responses are pages themselves."""
SETS = frozenset({"saved_tracks", "followed_artists"})
"""Kinds of lists in which an entry occurs once."""


def page_in(request_kind: str, body: Any) -> tuple[str, Any]:
    """Return the JSON Pointer of the page in a response, and the page or None."""
    name = _PAGE_UNDER.get(request_kind)
    if name is None:
        return "", body
    return f"/{name}", body.get(name) if isinstance(body, dict) else None


def offset_of(query: Mapping[str, str] | Iterable[tuple[str, str]]) -> int | None:
    """Return the offset that a page was requested with: 0 for the first page, None for one after a cursor."""
    terms = dict(query)
    if "after" in terms:
        return None
    text = terms.get("offset", "0")
    return int(text) if text.isascii() and text.isdecimal() else 0


def next_offset_of(page: Mapping[str, Any]) -> int | None:
    """Return the offset in a page's link to the next one, or None without such a link."""
    link = page.get("next")
    try:
        query = dict(parse_qsl(urlsplit(link).query)) if isinstance(link, str) else {}
    except ValueError:
        return None
    return offset_of(query) if "offset" in query else None


def total_of(page: Mapping[str, Any]) -> int | None:
    """Return the number of entries that a page states for the whole list, or None."""
    return _count(page.get("total"))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


class ListPages:
    """The pages of one list, in the order of their requests.

    Args:
        is_set: Whether an entry occurs once in the list, so that no two pages hold the same one.
    """

    def __init__(self, *, is_set: bool = False) -> None:
        self.items = 0
        self.totals: set[int] = set()
        self._is_set = is_set
        self._entries: set[bytes] = set()
        self._begun = False
        self._ended = False
        self._blank = False
        self._repeats = False
        self._misplaced = False

    @property
    def greatest_total(self) -> int:
        """The greatest number of entries that a page has stated, 0 before any."""
        return max(self.totals, default=0)

    def add(self, page: Mapping[str, Any], offset: int | None) -> None:
        """Add one page; `offset` is the result of `offset_of` for its request."""
        self._repeats |= self.repeats(page)
        self._misplaced |= _is_misplaced(page, offset)
        self._entries |= _entries_of(page)
        self.items += len(page["items"])
        self._begun |= offset == 0
        # an empty page is an end, too: some lists have a `next` link on every page
        self._ended |= not page.get("next") or not page["items"]
        if is_blank(page):
            self._blank = True  # its total is blank as well
        elif (total := total_of(page)) is not None:
            self.totals.add(total)

    def has_new(self, page: Mapping[str, Any]) -> bool:
        """Return whether a page holds an entry that no page before it has."""
        return not _entries_of(page) <= self._entries

    def repeats(self, page: Mapping[str, Any]) -> bool:
        """Return whether a page repeats entries of the pages before it, as no page of its list can.

        In a playlist a few entries can be equal. A whole page of different entries that all occurred before
        is one that Spotify has sent twice.
        """
        entries = _entries_of(page)
        if self._is_set:
            return not entries.isdisjoint(self._entries)
        return len(entries) > 1 and entries <= self._entries

    def is_doubtful(self, page: Mapping[str, Any], offset: int | None, most: int | None = None) -> bool:
        """Return whether a page contradicts the pages before it or its own total.

        Args:
            page: The page, before it is added.
            offset: The result of `offset_of` for its request.
            most: Number of entries that are wanted; None for all.
        """
        if self._repeats or self._misplaced:
            return False  # another reading of this page would not make the list whole
        if is_blank(page):
            return True
        start = self.items if offset is None else offset
        total = max(self.greatest_total, total_of(page) or 0)
        end, expected = start + len(page["items"]), total if most is None else min(most, total)
        if end < expected:
            following = next_offset_of(page)
            ends_early = not page.get("next") or not page["items"]
            if ends_early or (offset is not None and following is not None and following != end):
                return True
        # a page after the end of its list can repeat the last one
        return (start < total or not total) and (self.repeats(page) or _is_misplaced(page, offset))

    def end(self) -> None:
        """Record that the last page was read, although it links to another."""
        self._ended = True

    def fault(self, most: int | None = None) -> str | None:
        """Return why the pages are not the whole list, or None if nothing shows that.

        Args:
            most: Number of entries that were wanted; None for all.
        """
        enough = most is not None and self.items >= most
        totals = ", ".join(map(str, sorted(self.totals)))
        faults = (
            (not self._begun, "its first page was not read"),
            (self._misplaced, "a page states another offset than the requested one"),
            (self._repeats, "a page repeats entries of another"),
            (not enough and not self._ended, "its last page was not read"),
            (not enough and self._blank, "a page is blank: it has no entries and a limit of 0"),
            (
                not enough and len(self.totals) > 1,
                f"its total changed while it was read ({totals})",
            ),
            (
                not enough and self.items < self.greatest_total,
                f"{self.items} entries were read of the {self.greatest_total} that Spotify states",
            ),
        )
        return next((fault for found, fault in faults if found), None)


def is_blank(page: Mapping[str, Any]) -> bool:
    """Return whether a page has no entries and a limit of 0, which Spotify sends in error."""
    return not page["items"] and page.get("limit") == 0


def _is_misplaced(page: Mapping[str, Any], offset: int | None) -> bool:
    """Return whether a page states that its entries are from another place than the requested one."""
    stated = _count(page.get("offset"))
    return bool(page["items"]) and None not in (offset, stated) and stated != offset


def _entries_of(page: Mapping[str, Any]) -> set[bytes]:
    """Return a digest of each entry; `repr` also accepts the numbers and flaws that JSON cannot hold."""
    texts = (repr(item).encode("utf-8", "backslashreplace") for item in page["items"] if item is not None)
    return {blake2b(text, digest_size=16).digest() for text in texts}
