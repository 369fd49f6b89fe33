"""Tests mistakes in connection spotify_lake: each error names the connection and the way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from spotify_pipeline.connections import SPOTIFY_LAKE, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError, LakeUnavailable, TerminalError
from spotify_pipeline.lake import Lake


def lake(**changes: Any) -> Lake:
    fields: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 9,
        "login": "key",
        "password": "hidden-word",
        "schema": "bucket",
    }
    return Lake(ConnectionInfo(SPOTIFY_LAKE, **(fields | changes)))


@pytest.mark.parametrize(
    "host",
    [
        "https://s3.example.com",
        "s3.example.com:9000",
        "s3.example.com/bucket",
        "http://key:word@s3.example.com",
    ],
)
def test_a_host_is_only_a_name(host: str) -> None:
    with pytest.raises(ConfigurationError, match="'spotify_lake' is not just a name") as raised:
        lake(host=host)
    assert "word@" not in str(raised.value)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_is_in_brackets(host: str) -> None:
    assert lake(host=host).address == "http://[::1]:9"


@pytest.mark.parametrize("bucket", ["bucket/folder", "Bucket Name", "b"])
def test_a_bucket_s_name_is_checked(bucket: str) -> None:
    with pytest.raises(ConfigurationError, match="'spotify_lake'"):
        lake(schema=bucket).check()


@contextmanager
def refusing_store(code: str, headers: dict[str, str]) -> Iterator[int]:
    """Yield the port of a store that refuses each request, and each removal of an object, with this code."""
    error = f"<Code>{code}</Code><Message>no</Message>"

    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond(403, f"<Error>{error}<Resource>/</Resource></Error>")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.respond(200, f"<DeleteResult><Error><Key>raw/a</Key>{error}</Error></DeleteResult>")

        def respond(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response_only(status)
            for name, value in {"Content-Type": "application/xml", "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusal)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


NOW = format_datetime(datetime.now(UTC), usegmt=True)
OLD = format_datetime(datetime.now(UTC) - timedelta(hours=2), usegmt=True)


@pytest.mark.parametrize(
    ("code", "headers", "message"),
    [
        ("RequestTimeTooSkewed", {"Date": OLD}, "set the clock"),
        ("SignatureDoesNotMatch", {"Date": OLD}, "set the clock"),
        ("SignatureDoesNotMatch", {"Date": NOW}, "correct login and password"),
        ("AccessDenied", {}, "correct login and password"),
        (
            "AuthorizationHeaderMalformed",
            {"x-amz-bucket-region": "eu-west-1"},
            "set region .* to 'eu-west-1'",
        ),
    ],
)
def test_a_refusal_names_its_cause(code: str, headers: dict[str, str], message: str) -> None:
    with refusing_store(code, headers) as port, pytest.raises(ConfigurationError, match=message) as raised:
        lake(port=port).keys("raw/")
    assert isinstance(raised.value, TerminalError)
    assert "hidden-word" not in str(raised.value)


def test_a_missing_right_to_remove_objects_is_no_outage() -> None:
    """S3 accepts the request and refuses each object."""
    with refusing_store("AccessDenied", {}) as port, pytest.raises(ConfigurationError, match="AccessDenied"):
        lake(port=port).delete_all(["raw/a"])
    with refusing_store("InternalError", {}) as port, pytest.raises(LakeUnavailable, match="'raw/a'"):
        lake(port=port).delete_all(["raw/a"])
