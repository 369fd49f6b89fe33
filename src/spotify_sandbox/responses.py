"""Makes JSON responses as Spotify does: errors and pages of lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.responses import Response

# Spotify documents no bound of the offset
_OFFSET_MAX = 100_000


class JsonResponse(Response):
    """A JSON response with the content type that Spotify sends."""

    media_type = "application/json; charset=utf-8"

    def render(self, content: Any) -> bytes:
        """Serialise with orjson."""
        return orjson.dumps(content)


class ApiError(Exception):
    """An error response of the Web API."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.headers = dict(headers or {})

    def response(self) -> JsonResponse:
        """Return the response `{"error": {"status", "message"[, "reason"]}}`."""
        body: dict[str, Any] = {"status": self.status, "message": self.message}
        if self.reason:
            body["reason"] = self.reason
        return JsonResponse({"error": body}, self.status, self.headers)


def token_error(error: str, description: str) -> JsonResponse:
    """Return an error of the token endpoint: status 400, with the error codes of RFC 6749, section 5.2."""
    return JsonResponse({"error": error, "error_description": description}, 400)


@dataclass(frozen=True, slots=True)
class Limits:
    """Default and maximum page size of an endpoint, and its maximum offset."""

    default: int
    maximum: int
    offset_maximum: int = _OFFSET_MAX


@dataclass(frozen=True, slots=True)
class Window:
    """The requested part of a list."""

    limit: int
    offset: int


def window(query: Mapping[str, str], limits: Limits) -> Window:
    """Read `limit` and `offset` from the query.

    Raises:
        ApiError: 400 if one is out of range.
    """
    limit = whole(query.get("limit"), limits.default, 1, limits.maximum, "Invalid limit")
    return Window(limit, whole(query.get("offset"), 0, 0, limits.offset_maximum, "Invalid offset"))


def whole(text: str | None, default: int, low: int, high: int, message: str) -> int:
    """Read a whole number from a query parameter.

    Raises:
        ApiError: 400 with `message` if it is not a number from `low` to `high`.
    """
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError as error:
        raise ApiError(400, message) from error
    if not low <= value <= high:
        raise ApiError(400, message)
    return value


def page(
    url: str, asked: Window, items: list[Any], total: int, extra: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a paging object.

    Args:
        url: Address of the list without a query, at the host that the client used.
        asked: Requested part of the list.
        items: That part of the list.
        total: Length of the whole list.
        extra: Further parameters of the links.
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
