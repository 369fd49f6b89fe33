"""Tests limits, offsets and the links of pages."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_sandbox.responses import ApiError, Limits, Window, page, window

LIMITS = Limits(default=5, maximum=10, offset_maximum=1000)
URL = "http://127.0.0.1:1/v1/search"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, Window(5, 0)),
        ({"limit": "10"}, Window(10, 0)),
        ({"limit": "1", "offset": "1000"}, Window(1, 1000)),
    ],
)
def test_limit_and_offset_are_read_with_defaults(query: dict[str, str], shown: Window) -> None:
    assert window(query, LIMITS) == shown


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"limit": "11"}, "Invalid limit"),
        ({"limit": "0"}, "Invalid limit"),
        ({"limit": "many"}, "Invalid limit"),
        ({"offset": "-1"}, "Invalid offset"),
        ({"offset": "1001"}, "Invalid offset"),
        ({"offset": ""}, "Invalid offset"),
    ],
)
def test_an_invalid_limit_or_offset_is_refused(query: dict[str, str], message: str) -> None:
    with pytest.raises(ApiError) as caught:
        window(query, LIMITS)
    assert (caught.value.status, caught.value.message) == (400, message)


@given(total=st.integers(0, 60), limit=st.integers(1, 12))
def test_next_links_lead_to_every_item_once(total: int, limit: int) -> None:
    everything = list(range(total))
    shown, seen = Window(limit, 0), []
    while True:
        got = page(URL, shown, everything[shown.offset : shown.offset + limit], total, {"type": "track"})
        seen += got["items"]
        assert (got["total"], got["limit"], got["offset"]) == (total, limit, shown.offset)
        assert (got["previous"] is None) == (shown.offset == 0)
        if got["next"] is None:
            break
        query = parse_qs(urlsplit(got["next"]).query)
        assert query["type"] == ["track"]
        shown = Window(int(query["limit"][0]), int(query["offset"][0]))
    assert seen == everything


def test_links_keep_the_other_parameters() -> None:
    got = page(URL, Window(2, 3), ["a", "b"], 9, {"query": "tâte & see"})
    assert got["href"] == f"{URL}?offset=3&limit=2&query=t%C3%A2te+%26+see"
    assert got["previous"] == f"{URL}?offset=1&limit=2&query=t%C3%A2te+%26+see"
