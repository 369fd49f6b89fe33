"""Converts responses other than 200 into errors of the pipeline."""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from spotify_pipeline.errors import (
    ApiUnavailable,
    AppDenied,
    AuthenticationError,
    ConfigurationError,
    NotFound,
    PermissionDenied,
    PipelineError,
    RequestRefused,
    UnsafeLink,
)
from spotify_pipeline.spotify.transport import Response

_MESSAGE_MAX = 300
# Spotify responds with 400, not 404, to 22 characters that are no id of its number range
_BAD_ID = re.compile(r"\b(?:invalid|bad|malformed)\b.*\bid\b|\bnon existing id\b", re.IGNORECASE)


_BAD_LIMIT = re.compile(r"\binvalid limit\b", re.IGNORECASE)
_NEEDS_USER = re.compile(r"\buser authentication required\b", re.IGNORECASE)
_PREMIUM_OF_A_PLAYER = re.compile(r"\bpremium required\b", re.IGNORECASE)
_PREMIUM_OF_OWNER = re.compile(r"\bpremium subscription required\b", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)\b[^>]*>([^<]+)<", re.IGNORECASE)
# 410 and 451: a takedown
_NOTHING_THERE = frozenset({404, 410, 451})
# 304: no request of this pipeline asks for it
_NOT_NOW = frozenset({304, 408, 425})


@dataclass(frozen=True)
class ErrorBody:
    """Message of an error response, and Spotify's reason code if there is one."""

    message: str
    reason: str | None = None


def _clean(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MESSAGE_MAX else line[:_MESSAGE_MAX] + "…"


def _text_of(body: str) -> str:
    """Return the text of a body that is no JSON; of an HTML page, which a proxy sends, its title."""
    if not body.lstrip().startswith("<"):
        return _clean(body) or "no message"
    title = _TITLE.search(body)
    return f"an HTML page: {_clean(title[2])}" if title else "an HTML page"


def read_error(body: bytes) -> ErrorBody:
    """Read an error body: the Web API's object, the token endpoint's, an older form, or plain text."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ErrorBody(_text_of(body[: 4 * _MESSAGE_MAX].decode("utf-8", "replace")))
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict):
        message = error.get("message") or error.get("description")
        reason = error.get("reason")
    elif isinstance(error, str):
        description = document.get("error_description")
        message = f"{error}: {description}" if isinstance(description, str) else error
        reason = error
    else:
        message, reason = None, None
    return ErrorBody(
        _clean(message) if isinstance(message, str) and message.strip() else "no message",
        _clean(reason) if isinstance(reason, str) and reason.strip() else None,
    )


def may_be_mistaken(response: Response) -> bool:
    """Return whether Spotify is known to send this refusal in error, so that a repeated call can succeed."""
    error = read_error(response.body)
    if response.status == 401:
        return not _NEEDS_USER.search(error.message)
    if response.status == 403:
        return _is_about_playback(error)
    return response.status == 404 or response.status in _NOT_NOW


def refusal(response: Response, path: str) -> PipelineError:
    """Return the error for a response that is neither 200 nor 429 nor 5xx."""
    error = read_error(response.body)
    words = error.message
    if response.status == 401:
        return _unauthorized(path, words)
    if response.status == 403:
        return _forbidden(path, error)
    if response.status in _NOTHING_THERE or (response.status == 400 and _BAD_ID.search(words)):
        return NotFound(f"Spotify has nothing at {path} ({words})")
    if response.status in _NOT_NOW or response.status < 300:
        return ApiUnavailable(f"GET {path} responds with {response.status} ({words}): try again later")
    return _wrong_request(response, path, words)


def _wrong_request(response: Response, path: str, words: str) -> PipelineError:
    if response.status == 400 and _BAD_LIMIT.search(words):
        return ConfigurationError(
            f"Spotify refuses the size of a page of GET {path} ({words}): set app_class of connection "
            "'spotify_api' to development"
        )
    if 300 <= response.status < 400:
        return UnsafeLink(
            f"GET {path} responds with {response.status}, a redirect, which is not followed with a token: "
            "check api_url of connection 'spotify_api'"
        )
    return RequestRefused(
        f"Spotify refuses GET {path} with {response.status} ({words}): the request is wrong"
    )


def _unauthorized(path: str, words: str) -> PipelineError:
    if _NEEDS_USER.search(words):
        return AuthenticationError(f"GET {path} needs the login of a user ({words})")
    # the token endpoint has just issued the token, and would have refused an app or login that has ended
    return ApiUnavailable(
        f"Spotify refuses a fresh token for GET {path} ({words}): try again later; if it stays, check the "
        "app of connection 'spotify_api' in the Spotify dashboard"
    )


def _is_about_playback(error: ErrorBody) -> bool:
    """Return whether a 403 is about playing music, which the pipeline does not do."""
    return error.reason == "PREMIUM_REQUIRED" or bool(_PREMIUM_OF_A_PLAYER.search(error.message))


def _forbidden(path: str, error: ErrorBody) -> PipelineError:
    words = error.message
    if _is_about_playback(error):
        return ApiUnavailable(
            f"Spotify asks for Premium for GET {path}, which needs none ({words}): try again later"
        )
    if _PREMIUM_OF_OWNER.search(words):
        return AppDenied(
            f"Spotify does not let this app read {path} ({words}): the Premium of the app's owner has "
            "lapsed; once it is renewed, the app works again"
        )
    return PermissionDenied(
        f"Spotify does not let this app read {path} ({words}): the endpoint may be closed to its "
        "class of app, its owner's Premium may have lapsed, the user may not be allow-listed, or the "
        "item is not theirs"
    )
