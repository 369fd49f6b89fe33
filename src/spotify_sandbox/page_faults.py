"""Faults that alter a true page: what Spotify has been seen to send although the list is as it was."""

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
    """Return the page of a body: the body itself, or the page of a search; None where there is none."""
    if not isinstance(document, dict):
        return None
    for page in (document, *document.values()):
        if isinstance(page, dict) and isinstance(page.get("items"), list):
            return page
    return None


def blank(page: dict[str, Any]) -> None:
    """Take everything out of a page, as if it were the last one of an empty list."""
    page.update({name: value for name, value in BLANK.items() if name in page})


def change_total(page: dict[str, Any], change: int) -> None:
    """State another total, as after an edit of the list between two pages."""
    if isinstance(page.get("total"), int):
        page["total"] = max(0, page["total"] + change)


def drop_next(page: dict[str, Any]) -> None:
    """Say that no page follows, whatever `total` says."""
    page["next"] = None


def lead_on(page: dict[str, Any]) -> None:
    """Give every page a `next` link, also past the end of the list."""
    if not isinstance(page.get("offset"), int) or not page.get("href"):
        return
    parts = urlsplit(page["href"])
    query = dict(parse_qsl(parts.query)) | {"offset": str(page["offset"] + page["limit"])}
    page["next"] = urlunsplit(parts._replace(query=urlencode(query)))


def hold_plays(page: dict[str, Any], seconds: float) -> None:
    """Leave out the plays of the last `seconds` but the newest, as if their device were offline."""
    times = [datetime.fromisoformat(item["played_at"]) for item in page["items"] if "played_at" in item]
    if not times:
        return
    newest, since = max(times), max(times) - timedelta(seconds=seconds)
    page["items"] = [
        item for item in page["items"] if not since < datetime.fromisoformat(item["played_at"]) < newest
    ]
