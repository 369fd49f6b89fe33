"""Errors in the forms the Web API and the token endpoint give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


class JsonResponse(Response):
    """A JSON answer, with the content type Spotify sends."""

    media_type = "application/json; charset=utf-8"

    def render(self, content: Any) -> bytes:
        """Serialize with orjson."""
        return orjson.dumps(content)


class ApiError(Exception):
    """An answer of the Web API other than success."""

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
        """`{"error": {"status", "message"[, "reason"]}}`."""
        body: dict[str, Any] = {"status": self.status, "message": self.message}
        if self.reason:
            body["reason"] = self.reason
        return JsonResponse({"error": body}, self.status, self.headers)


def token_error(error: str, description: str) -> JsonResponse:
    """An answer of the token endpoint other than success: 400 with the names of RFC 6749, section 5.2."""
    return JsonResponse({"error": error, "error_description": description}, 400)
