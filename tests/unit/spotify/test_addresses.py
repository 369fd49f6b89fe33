"""Tests the addresses in a connection, to which secrets are sent."""

from __future__ import annotations

import pytest

from spotify_pipeline.connections import SPOTIFY_API, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.spotify.client import DEFAULT_ACCOUNTS_URL, address_of


def address(url: str, **extra: object) -> str:
    info = ConnectionInfo(SPOTIFY_API, extra={"accounts_url": url, **extra})
    return address_of(info, "accounts_url", DEFAULT_ACCOUNTS_URL)


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
def test_plain_http_is_accepted_on_this_machine(host: str) -> None:
    assert address(f"http://{host}") == f"http://{host}"


@pytest.mark.parametrize(
    "url", ["http://accounts.spotify.com", "http://sandbox:8089", "http://127.0.0.1.x.org"]
)
def test_plain_http_to_another_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="without TLS: set accounts_url to an https address"):
        address(url)
    with pytest.raises(ConfigurationError):
        address(url, allow_http=False)


@pytest.mark.parametrize("value", [True, "true"])
def test_plain_http_can_be_allowed_by_name(value: object) -> None:
    assert address("http://sandbox:8089", allow_http=value) == "http://sandbox:8089"
