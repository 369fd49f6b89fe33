"""Tests buckets, page sizes and the equality of requests."""

from __future__ import annotations

import pytest

from spotify_pipeline.spotify.endpoints import (
    ENDPOINTS,
    AppClass,
    Request,
    RequestKind,
    bucket_of,
    is_plain_path,
)

ARTIST = "0TnOYISbd1XYRBk9myaseg"


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.kind)
def test_the_bucket_of_a_path_is_the_bucket_of_its_endpoint(endpoint: object) -> None:
    known = next(each for each in ENDPOINTS.values() if each is endpoint)
    assert bucket_of("GET", known.path(ARTIST)) == known.bucket


def test_page_sizes_depend_on_the_class_of_the_app() -> None:
    sizes = {
        kind: (endpoint.page_size(AppClass.DEVELOPMENT), endpoint.page_size(AppClass.EXTENDED))
        for kind, endpoint in ENDPOINTS.items()
    }
    assert sizes[RequestKind.ARTIST_ALBUMS] == (10, 50)
    assert sizes[RequestKind.SEARCH] == (10, 50)
    assert sizes[RequestKind.ALBUM_TRACKS] == (50, 50)
    assert sizes[RequestKind.ALBUM] == (1, 1)


def test_the_order_of_the_query_does_not_change_a_request() -> None:
    one = Request.get(RequestKind.SEARCH, "/search", {"q": "a b", "type": "track"})
    other = Request.get(RequestKind.SEARCH, "/search", [("type", "track"), ("q", "a b")])
    assert one == other
    assert len({one, other}) == 1
    assert one.target == "/search?q=a+b&type=track"
    assert one.bucket == "GET /search"


@pytest.mark.parametrize(
    "path", ["", "/", "artists", "/a/../b", "/a//b", "/a?b=c", "/a#b", "/%2e", "/a b", "/a\n"]
)
def test_a_path_with_anything_special_is_not_plain(path: str) -> None:
    assert not is_plain_path(path)
    assert is_plain_path("/artists/" + ARTIST)
