"""Tests that a `next` link is followed only on the API's own host and path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_pipeline.errors import UnsafeLink
from spotify_pipeline.spotify.links import Link, check_link

API = "https://api.spotify.com/v1"
ALBUMS = "/artists/0TnOYISbd1XYRBk9myaseg/albums"


@pytest.mark.parametrize("origin", [API, "https://api.spotify.com:443/v1", "https://API.spotify.com/v1"])
def test_a_link_of_the_api_is_parsed(origin: str) -> None:
    link = check_link(f"{origin}{ALBUMS}?offset=10&limit=10&include_groups=album,single", API)
    assert link == Link(ALBUMS, (("include_groups", "album,single"), ("limit", "10"), ("offset", "10")))


def test_a_missing_query_and_an_empty_value_are_kept() -> None:
    assert check_link(API + ALBUMS, API) == Link(ALBUMS, ())
    assert check_link(f"{API}{ALBUMS}?market=", API).params == (("market", ""),)


@pytest.mark.parametrize(
    "url",
    [
        f"https://api.spotify.com.example.org/v1{ALBUMS}",
        f"https://example.org/v1{ALBUMS}",
        f"http://api.spotify.com/v1{ALBUMS}",
        f"https://api.spotify.com:8443/v1{ALBUMS}",
        f"https://api.spotify.com:99999/v1{ALBUMS}",
        f"https://api.spotify.com@example.org/v1{ALBUMS}",
        f"https://user:word@api.spotify.com/v1{ALBUMS}",
        f"//example.org/v1{ALBUMS}",
        f"/v1{ALBUMS}",
        "https://api.spotify.com/v2/artists",
        "https://api.spotify.com/v1x/artists",
        "https://api.spotify.com/v1/../accounts",
        "https://api.spotify.com/v1/%2e%2e/accounts",
        "https://api.spotify.com/v1//example.org",
        f"{API}{ALBUMS}#fragment",
        f"{API}{ALBUMS}?offset=1&offset=2",
        f"{API}{ALBUMS}?offset",
        "https://[::1/v1/x",
        "javascript:alert(1)",
        f"{API}{ALBUMS}?q=" + "x" * 10_000,
        "",
    ],
)
def test_every_other_link_is_refused(url: str) -> None:
    with pytest.raises(UnsafeLink, match="refused"):
        check_link(url, API)


def test_a_refusal_does_not_repeat_a_login_or_query() -> None:
    with pytest.raises(UnsafeLink) as refused:
        check_link("https://user:word@example.org/v1/x?access_token=abc", API)
    assert "word" not in str(refused.value)
    assert "abc" not in str(refused.value)


def test_the_refusal_of_a_relative_link_shows_its_path() -> None:
    with pytest.raises(UnsafeLink, match="'/v1/me/tracks'"):
        check_link("/v1/me/tracks?offset=50", API)


@given(st.text(max_size=200))
def test_any_text_is_refused_or_stays_below_the_api(text: str) -> None:
    for url in (text, API + text, API + "/" + text):
        try:
            link = check_link(url, API)
        except UnsafeLink:
            continue
        assert url.lower().startswith(API)
        assert ".." not in link.path
        assert link.path.startswith("/")
