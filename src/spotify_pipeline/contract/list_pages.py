"""Decides whether the pages that were read are the whole list.

A list that ends is incomplete if a page has stated a greater `total` than the entries that were read; a
`total` that agrees proves nothing. The crawl and the validation both use this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_PAGE_UNDER = {"followed_artists": "artists"}
"""Field that contains the page, by kind of request; other responses are pages themselves."""


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


def total_of(page: Mapping[str, Any]) -> int | None:
    """Return the number of entries that a page states for the whole list, or None."""
    total = page.get("total")
    return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None


class ListPages:
    """The pages of one list, taken in any order."""

    def __init__(self) -> None:
        self.items = 0
        self.totals: set[int] = set()
        self._begun = False
        self._ended = False
        self._blank = False

    @property
    def greatest_total(self) -> int:
        """The greatest number of entries that a page has stated, 0 before any."""
        return max(self.totals, default=0)

    def add(self, page: Mapping[str, Any], offset: int | None) -> None:
        """Add one page; `offset` is the result of `offset_of` for its request."""
        self.items += len(page["items"])
        self._begun |= offset == 0
        # an empty page is an end, too: some lists have a `next` link on every page
        self._ended |= not page.get("next") or not page["items"]
        if is_blank(page):
            self._blank = True  # its total is blank as well
        elif (total := total_of(page)) is not None:
            self.totals.add(total)

    def end(self) -> None:
        """Record that the last page was read, although it links to another."""
        self._ended = True

    def fault(self, most: int | None = None) -> str | None:
        """Return why the pages are not the whole list, or None if nothing shows that.

        Args:
            most: Number of entries that were wanted; None for all.
        """
        if not self._begun:
            return "its first page was not read"
        if most is not None and self.items >= most:
            return None
        totals = ", ".join(map(str, sorted(self.totals)))
        faults = (
            (not self._ended, "its last page was not read"),
            (self._blank, "a page is blank: it has no entries and a limit of 0"),
            (len(self.totals) > 1, f"its total changed while it was read ({totals})"),
            (
                self.items < self.greatest_total,
                f"{self.items} entries were read of the {self.greatest_total} that Spotify states",
            ),
        )
        return next((fault for found, fault in faults if found), None)


def is_blank(page: Mapping[str, Any]) -> bool:
    """Return whether a page has no entries and a limit of 0, which Spotify sends in error."""
    return not page["items"] and page.get("limit") == 0
