"""Limits, offsets and page objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from spotify_sandbox.errors import ApiError

# Ours, not documented by Spotify: a bound that keeps whole numbers small.
_OFFSET_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Page size of an endpoint: what it is when nothing is asked, and the most that may be asked."""

    default: int
    maximum: int
    offset_maximum: int = _OFFSET_MAX


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that a request asks for."""

    limit: int
    offset: int


def window(query: Mapping[str, str], limits: Limits) -> Window:
    """Read `limit` and `offset`. Raises ApiError 400 with the API's words when one is out of range."""
    limit = whole(query.get("limit"), limits.default, 1, limits.maximum, "Invalid limit")
    return Window(limit, whole(query.get("offset"), 0, 0, limits.offset_maximum, "Invalid offset"))


def whole(text: str | None, default: int, low: int, high: int, complaint: str) -> int:
    """A whole number of a query parameter. Raises ApiError 400 with the complaint."""
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError as error:
        raise ApiError(400, complaint) from error
    if not low <= value <= high:
        raise ApiError(400, complaint)
    return value


def page(
    url: str, asked: Window, items: list[Any], total: int, extra: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A paging object.

    url: address of the list without a query, at the host the client used; extra: further parameters that
    the links must carry; items: the part of the list that `asked` names; total: length of the whole list.
    """

    def link(offset: int) -> str:
        return f"{url}?{urlencode({'offset': offset, 'limit': asked.limit, **(extra or {})})}"

    following = asked.offset + asked.limit
    return {
        "href": link(asked.offset),
        "items": items,
        "limit": asked.limit,
        "next": link(following) if following < total else None,
        "offset": asked.offset,
        "previous": link(max(0, asked.offset - asked.limit)) if asked.offset > 0 else None,
        "total": total,
    }
