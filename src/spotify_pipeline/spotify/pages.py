"""Reading what a crawl needs from an answer: where the next page is and which albums a listing names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from spotify_pipeline.spotify.endpoints import ID_PATTERN


class UnreadableAnswer(Exception):
    """An answer that is JSON but does not have the shape to walk on from; the message says what is odd.

    It never leaves the crawl, which keeps the answer and lists the message.
    """


def next_of(page: Any, where: str) -> str | None:
    """The link to the page after `page`, None on the last.

    Raises:
        UnreadableAnswer: `page` is no object, has no list of items, or its `next` is neither text nor null.
    """
    if not isinstance(page, dict):
        raise UnreadableAnswer(f"{where} holds {_name(page)} where a page of items belongs")
    if not isinstance(page.get("items"), list):
        raise UnreadableAnswer(f"{where} has no list of items")
    if "next" not in page:
        raise UnreadableAnswer(f"{where} does not say whether a next page follows")
    link = page["next"]
    if link is not None and not isinstance(link, str):
        raise UnreadableAnswer(f"{where} has a next that is {_name(link)}")
    return link or None


def member(document: Any, key: str, where: str) -> Any:
    """The page embedded under `key`.

    Raises:
        UnreadableAnswer: `document` is no object or has no such key.
    """
    if not isinstance(document, dict) or key not in document:
        raise UnreadableAnswer(f"{where} has no {key!r}")
    return document[key]


def albums(page: dict[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The albums on a listing page by id; null entries and entries without an id are left to validation."""
    for item in page["items"]:
        album_id = item.get("id") if isinstance(item, dict) else None
        if isinstance(album_id, str) and ID_PATTERN.fullmatch(album_id):
            yield album_id, item


def play_times(page: dict[str, Any]) -> Iterator[datetime]:
    """Return when each play of a page of the listening history began.

    Entries without a readable time are left to validation.
    """
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
