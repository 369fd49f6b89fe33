"""Pages of a list: reading one, and following `next` to the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from spotify_pipeline.spotify.endpoints import ENDPOINTS, ID_PATTERN, Request, RequestKind, bucket_of
from spotify_pipeline.spotify.session import CrawlSession, Trail, UnreadableResponse

PAGES_MAX = 2000
"""Pages followed in one list; the longest real ones (albums of a famous composer) stay below."""


def walk_pages(session: CrawlSession, first: Request, trail: Trail) -> Iterator[dict[str, Any]]:
    """Yield the page at `first` and all pages that follow it.

    Raises:
        UnreadableResponse: A page cannot be read, leads back to an earlier one, or the pages have no end.
    """
    seen: set[Request] = set()
    request: Request | None = first
    while request is not None:
        if request in seen:
            raise UnreadableResponse(f"the pages of {first.path} lead in a circle to {request.target}")
        if len(seen) >= PAGES_MAX:
            raise UnreadableResponse(f"the pages of {first.path} have no end: {PAGES_MAX} were read")
        seen.add(request)
        page = session.fetch(request, trail)
        following = following_request(session, page, request, first.kind)
        yield page
        request = following


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


def next_of(page: Any, where: str) -> str | None:
    """Return the link to the page after `page`, None on the last page.

    Raises:
        UnreadableResponse: `page` is no object, has no list of items, or its `next` is neither text nor null.
    """
    if not isinstance(page, dict):
        raise UnreadableResponse(f"{where} holds {_name(page)} where a page of items belongs")
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
    """Yield id and entry of each album on a listing page; validation handles entries without an id."""
    for item in page["items"]:
        album_id = item.get("id") if isinstance(item, dict) else None
        if isinstance(album_id, str) and ID_PATTERN.fullmatch(album_id):
            yield album_id, item


def play_times(page: dict[str, Any]) -> Iterator[datetime]:
    """Yield when each play of a page began; validation handles entries without a readable time."""
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
