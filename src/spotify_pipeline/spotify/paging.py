"""Reads the pages of a list: one page, or all by following `next`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeGuard

from spotify_pipeline.contract.list_pages import SETS, ListPages, next_offset_of, offset_of, page_in, total_of
from spotify_pipeline.errors import ApiUnavailable, NotFound
from spotify_pipeline.spotify.endpoints import ENDPOINTS, ID_PATTERN, Request, RequestKind, bucket_of
from spotify_pipeline.spotify.session import (
    READINGS_OF_A_PAGE,
    ContradictedList,
    CrawlSession,
    Trail,
    UnreadableResponse,
)

logger = logging.getLogger(__name__)

PAGES_MAX = 2000
"""Pages followed in one list; the longest real ones (albums of a famous composer) stay below."""
_PAGES_TOLERATED = 20
"""Pages that a list may have beyond twice the number that its first page promises."""


def walk_list(
    session: CrawlSession,
    first: Request,
    trail: Trail,
    on_page: Callable[[dict[str, Any]], None] = lambda _page: None,
    *,
    exists: bool = False,
    most: int | None = None,
    number: int = 0,
) -> int:
    """Read the page at `first` and all that follow it; read the whole list again if its total changes.

    Only the pages of the last reading stay in `trail`. A reading that an earlier attempt stored, and whose
    total changed, costs no call and does not count: the list is then read once more.

    Args:
        session: The crawl.
        first: The first page.
        trail: Gets the requests.
        on_page: Called with each page; may add to `trail.albums` and `trail.entries`, which a second reading
            starts anew.
        exists: Whether Spotify has just returned the record that the list belongs to.
        most: Number of entries that are wanted; None for all.
        number: Number of the first reading, from 0.

    Returns:
        The number of the reading that stays in `trail`.

    Raises:
        ContradictedList: The list is not whole after it was read again; its pages are in `trail`.
        UnreadableResponse: A page cannot be read, leads back to an earlier one, or the pages have no end.
        NotFound: The first page is not found.
        ApiUnavailable: A page is not found although the list or its record was shown.
    """
    requests, albums_before, entries_before = len(trail.requests), len(trail.albums), len(trail.entries)
    was_read = False
    reading = number
    while True:
        start = replace(first, reading=1 + reading * READINGS_OF_A_PAGE)
        try:
            _read_list(
                session, start, trail, on_page, again=was_read, exists=exists or reading > 0, most=most
            )
        except _TotalChanged as change:
            was_read = any(session.has_sent(request) for request in trail.requests[requests:])
            logger.info("%s: %s; reading the list again", first.path, change)
            del trail.requests[requests:], trail.albums[albums_before:], trail.entries[entries_before:]
            reading += 1
        else:
            return reading


def walk_rest(session: CrawlSession, request: Request, trail: Trail, *, exists: bool = True) -> None:
    """Read the further track pages of an album, whose `total` is often too great and proves nothing.

    A page that is not found is an outage if Spotify has just returned the album (`exists`).

    Raises:
        UnreadableResponse, ApiUnavailable: See `walk_list`.
    """
    for _ in _pages(session, request, trail, ListPages(), exists=exists):
        pass


class _TotalChanged(Exception):
    """A list was changed between two of its pages."""


def _read_list(
    session: CrawlSession,
    first: Request,
    trail: Trail,
    on_page: Callable[[dict[str, Any]], None],
    *,
    again: bool,
    exists: bool,
    most: int | None,
) -> None:
    pages = ListPages(is_set=first.kind in SETS)
    for page in _pages(session, first, trail, pages, check=True, exists=exists, most=most):
        on_page(page)
        if not again and len(pages.totals) > 1 and pages.fault(most) is not None:
            raise _TotalChanged(f"its total changed ({', '.join(map(str, sorted(pages.totals)))})")
    fault = pages.fault(most)
    if fault is not None:
        raise ContradictedList(f"the list {first.target} may not be complete: {fault}")


def _pages(
    session: CrawlSession,
    first: Request,
    trail: Trail,
    pages: ListPages,
    *,
    check: bool = False,
    exists: bool,
    most: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the page at `first` and all that follow; with `check`, read a page again that ends too early."""
    seen: set[Request] = set()
    request: Request | None = first
    empty_before, most_pages = False, PAGES_MAX
    while request is not None:
        if request in seen:
            raise UnreadableResponse(f"the pages of {first.path} form a loop at {request.target}")
        if len(seen) >= most_pages:
            raise UnreadableResponse(f"the pages of {first.path} have no end: {len(seen)} were read")
        seen.add(request)
        asked = offset_of(request.params)
        offset = pages.items if asked is None else asked

        def doubtful(page: dict[str, Any], asked: int | None = asked) -> bool:
            return check and pages.is_doubtful(page, asked, most)

        page, following = read_page(session, request, trail, doubtful, exists=exists or request != first)
        stated = total_of(page)
        past_end = offset >= max(pages.greatest_total, stated or 0) and (stated is not None or pages.totals)
        if past_end and page["items"] and following is not None and not pages.has_new(page):
            # some lists repeat their last entries past their end: such a page is not theirs
            pages.end()
            if check:
                trail.requests.pop()
            return
        pages.add(page, asked)
        yield page
        empty = not page["items"]
        if empty and (empty_before or past_end):
            # some lists have a `next` link on every page, also past their end
            return
        if len(seen) == 1 and page["items"] and pages.greatest_total:
            promised = -(-pages.greatest_total // len(page["items"]))
            most_pages = min(PAGES_MAX, 2 * promised + _PAGES_TOLERATED)
        empty_before = empty
        if following is not None and most is not None:
            # asked for by offset, so that the last page is no larger than wanted
            following = _next_window(first, request, page, most)
        request = None if following is None else replace(following, reading=first.reading)


def _next_window(first: Request, request: Request, page: Mapping[str, Any], most: int) -> Request | None:
    """Return the request after `request`, or None if `most` entries were requested."""
    largest, params = int(dict(first.params)["limit"]), dict(request.params)
    offset = next_start(page, offset_of(request.params) or 0, int(params["limit"]))
    if offset >= most:
        return None
    params |= {"offset": str(offset), "limit": str(min(largest, most - offset))}
    return Request.get(first.kind, first.path, params, first.requested_id)


def next_start(page: Mapping[str, Any], offset: int, limit: int) -> int:
    """Return the offset after a page that was requested with `offset` and `limit`.

    A server can return shorter pages than requested; its link then leads to a place within the window.
    """
    following = next_offset_of(page)
    inside = following is not None and offset < following < offset + limit
    return following if following is not None and inside else offset + limit


def read_page(
    session: CrawlSession,
    request: Request,
    trail: Trail,
    doubtful: Callable[[dict[str, Any]], bool] = lambda _page: False,
    *,
    exists: bool,
) -> tuple[dict[str, Any], Request | None]:
    """Return a page and the request for the next one; read a `doubtful` or unreadable page twice.

    Raises:
        UnreadableResponse: The page cannot be read.
        NotFound: It is not found.
        ApiUnavailable: The same, although the list `exists`.
    """

    def is_doubtful(document: Any) -> bool:
        _, page = page_in(request.kind, document)
        return not is_page(page) or doubtful(page)

    try:
        _, page = page_in(request.kind, session.read(request, trail, is_doubtful))
    except NotFound as error:
        if exists:
            raise ApiUnavailable(
                f"a page of a list that exists is not found ({error}): try again later"
            ) from None
        raise
    return page, following_request(session, page, request, request.kind)


def following_request(
    session: CrawlSession, page: Any, request: Request, kind: RequestKind
) -> Request | None:
    """Return the request of kind `kind` for the page after `page`, None on the last page.

    Raises:
        UnreadableResponse: `page` cannot be read, or its `next` is another endpoint.
        UnsafeLink: Its `next` leaves the API's own host.
    """
    link = next_of(page, f"the response to {request.target}")
    if link is None:
        return None
    target = session.client.follow(link)
    if bucket_of("GET", target.path) != ENDPOINTS[kind].bucket:
        raise UnreadableResponse(f"the next page of {request.target} is another endpoint: {target.path}")
    return Request.get(kind, target.path, target.params, request.requested_id)


def is_page(page: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether `next_of` can read a page."""
    try:
        next_of(page, "the response")
    except UnreadableResponse:
        return False
    return True


def next_of(page: Any, where: str) -> str | None:
    """Return the link to the page after `page`, None on the last page.

    Raises:
        UnreadableResponse: `page` is no object, has no list of items, or its `next` is neither text nor null.
    """
    if not isinstance(page, dict):
        held = "null" if page is None else f"a value {_name(page)}"
        raise UnreadableResponse(f"{where} holds {held} where a page of items belongs")
    if not isinstance(page.get("items"), list):
        raise UnreadableResponse(f"{where} has no list of items")
    if "next" not in page:
        raise UnreadableResponse(f"{where} does not say whether a next page follows")
    link = page["next"]
    if link is not None and not isinstance(link, str):
        raise UnreadableResponse(f"{where} has a next that is {_name(link)}")
    return link or None


def member(document: Any, key: str, where: str) -> Any:
    """Return the page embedded under `key`.

    Raises:
        UnreadableResponse: `document` is no object or has no such key.
    """
    if not isinstance(document, dict) or key not in document:
        raise UnreadableResponse(f"{where} has no {key!r}")
    return document[key]


def albums(page: dict[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield id and entry of each album on a page; validation handles entries without an id."""
    for item in page["items"]:
        album_id = item.get("id") if isinstance(item, dict) else None
        if isinstance(album_id, str) and ID_PATTERN.fullmatch(album_id):
            yield album_id, item


def play_times(page: dict[str, Any]) -> Iterator[datetime]:
    """Yield the time of each play on a page; validation handles entries without a readable time."""
    for item in page["items"]:
        text = item.get("played_at") if isinstance(item, dict) else None
        try:
            moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            continue
        if moment is not None and moment.tzinfo is not None:
            yield moment


def _name(value: Any) -> str:
    return "null" if value is None else f"of type {type(value).__name__}"
