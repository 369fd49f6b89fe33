"""Tests which error each error response becomes, with recorded ones."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_pipeline.errors import (
    ApiUnavailable,
    AppDenied,
    AuthenticationError,
    ConfigurationError,
    NotFound,
    PipelineError,
    RequestRefused,
    UnsafeLink,
)
from spotify_pipeline.spotify.refusals import ErrorBody, read_error, refusal
from spotify_pipeline.spotify.transport import Response


def response(status: int, body: bytes) -> Response:
    return Response(status, httpx.Headers(), body, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"error":{"status":429,"message":"Too many requests","reason":"QUOTA_EXCEEDED"}}',
            ErrorBody("Too many requests", "QUOTA_EXCEEDED"),
        ),
        (
            b'{"error":"invalid_client","error_description":"Invalid client"}',
            ErrorBody("invalid_client: Invalid client", "invalid_client"),
        ),
        (b'{"error":{"type":"not_found","description":"non existing id"}}', ErrorBody("non existing id")),
        (b"Too many requests", ErrorBody("Too many requests")),
        (b"", ErrorBody("no message")),
        (b"null", ErrorBody("no message")),
        (b'{"error":null}', ErrorBody("no message")),
        (b'{"error":{"message":17,"reason":[]}}', ErrorBody("no message")),
        (b"<html><head><title>502 Bad\nGateway</title></head>", ErrorBody("an HTML page: 502 Bad Gateway")),
        (b"<!DOCTYPE html><body><h1 class='x'>Oops</h1>", ErrorBody("an HTML page: Oops")),
        (b"  <html></html>", ErrorBody("an HTML page")),
        (b"two\r\nlines\x1b[31m", ErrorBody("two lines [31m")),
    ],
)
def test_every_form_of_error_body_is_read(body: bytes, expected: ErrorBody) -> None:
    assert read_error(body) == expected


@given(st.binary(max_size=2000))
def test_any_bytes_give_one_short_line(body: bytes) -> None:
    words = read_error(body)
    assert 0 < len(words.message) <= 301
    assert "\n" not in words.message


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "The access token expired", ApiUnavailable),
        (401, "Valid user authentication required", AuthenticationError),
        (403, "Player command failed: Premium required", ApiUnavailable),
        (403, "Active premium subscription required", AppDenied),
        (404, "Resource not found", NotFound),
        (400, "Invalid base62 id", NotFound),
        (400, "invalid id", NotFound),
        (400, "Invalid limit", ConfigurationError),
        (400, "Invalid include_groups", RequestRefused),
        (410, "Gone", NotFound),
        (451, "Unavailable for legal reasons", NotFound),
        (408, "Request timeout", ApiUnavailable),
        (409, "Conflict", RequestRefused),
        (206, "Partial", ApiUnavailable),
        (304, "Not modified", ApiUnavailable),
        (302, "", UnsafeLink),
    ],
)
def test_each_status_has_its_error_and_names_the_path(
    status: int, message: str, kind: type[PipelineError]
) -> None:
    body = json.dumps({"error": {"status": status, "message": message}}).encode()
    error = refusal(response(status, body), "/artists/x")
    assert type(error) is kind
    assert "/artists/x" in str(error)
    assert message in str(error) or status == 302


def test_every_recorded_error_body_is_understood(reference_data: Path) -> None:
    recorded = reference_data / "recorded" / "transcribed-from-issues" / "observed_error_bodies.json"
    entries = json.loads(recorded.read_text())
    assert len(entries) > 4
    for entry in entries:
        fragment = entry.get("body", entry.get("body_fragment"))
        body = entry["body_text"].encode() if "body_text" in entry else json.dumps(fragment).encode()
        words = read_error(body)
        error = fragment.get("error") if isinstance(fragment, dict) else None
        if isinstance(error, dict) and "message" in error:
            assert words == ErrorBody(error["message"], error.get("reason"))
        elif "body_text" in entry:
            assert words.message.startswith(entry["body_text"][:40])


def test_a_reason_of_the_player_is_an_outage() -> None:
    body = {"error": {"status": 403, "message": "Restricted", "reason": "PREMIUM_REQUIRED"}}
    assert isinstance(refusal(response(403, json.dumps(body).encode()), "/artists/x"), ApiUnavailable)
