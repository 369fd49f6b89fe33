"""Faults that alter a page as Spotify is known to do, although the list itself is unchanged."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

BLANK: dict[str, Any] = {
    "href": None,
    "items": [],
    "limit": 0,
    "next": None,
    "offset": 0,
    "previous": None,
    "total": 0,
}


def page_in(document: Any) -> dict[str, Any] | None:
    """Return the page in a body: the body itself, the page of a search, or None."""
    if not isinstance(document, dict):
        return None
    for page in (document, *document.values()):
        if isinstance(page, dict) and isinstance(page.get("items"), list):
            return page
    return None


def blank(page: dict[str, Any]) -> None:
    """Empty a page, as if it were the last one of an empty list."""
    page.update({name: value for name, value in BLANK.items() if name in page})


def change_total(page: dict[str, Any], change: int) -> None:
    """Change the total, as if the list was edited between two pages."""
    if isinstance(page.get("total"), int):
        page["total"] = max(0, page["total"] + change)


def drop_next(page: dict[str, Any]) -> None:
    """Remove the `next` link, so that the list seems to end before its total."""
    page["next"] = None


def add_next(page: dict[str, Any]) -> None:
    """Add a `next` link to every page, also past the end of the list."""
    if not isinstance(page.get("offset"), int) or not page.get("href"):
        return
    parts = urlsplit(page["href"])
    query = dict(parse_qsl(parts.query)) | {"offset": str(page["offset"] + page["limit"])}
    page["next"] = urlunsplit(parts._replace(query=urlencode(query)))


def delay_plays(page: dict[str, Any], seconds: float) -> None:
    """Remove the plays of the last `seconds` except the newest, as if their device was offline."""
    times = [datetime.fromisoformat(item["played_at"]) for item in page["items"] if "played_at" in item]
    if not times:
        return
    newest, since = max(times), max(times) - timedelta(seconds=seconds)
    page["items"] = [
        item for item in page["items"] if not since < datetime.fromisoformat(item["played_at"]) < newest
    ]
