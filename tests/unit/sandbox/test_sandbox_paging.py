"""Limits, offsets and the links of pages."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_sandbox.responses import ApiError, Limits, Window, page, window

LIMITS = Limits(default=5, maximum=10, offset_maximum=1000)
URL = "http://127.0.0.1:1/v1/search"


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, Window(5, 0)),
        ({"limit": "10"}, Window(10, 0)),
        ({"limit": "1", "offset": "1000"}, Window(1, 1000)),
    ],
)
def test_what_is_asked(query: dict[str, str], asked: Window) -> None:
    assert window(query, LIMITS) == asked


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
def test_what_is_refused(query: dict[str, str], message: str) -> None:
    with pytest.raises(ApiError) as caught:
        window(query, LIMITS)
    assert (caught.value.status, caught.value.message) == (400, message)


@given(total=st.integers(0, 60), limit=st.integers(1, 12))
def test_next_gives_every_item_once_and_previous_leads_back(total: int, limit: int) -> None:
    everything = list(range(total))
    asked, seen = Window(limit, 0), []
    while True:
        got = page(URL, asked, everything[asked.offset : asked.offset + limit], total, {"type": "track"})
        seen += got["items"]
        assert (got["total"], got["limit"], got["offset"]) == (total, limit, asked.offset)
        assert (got["previous"] is None) == (asked.offset == 0)
        if got["next"] is None:
            break
        query = parse_qs(urlsplit(got["next"]).query)
        assert query["type"] == ["track"]
        asked = Window(int(query["limit"][0]), int(query["offset"][0]))
    assert seen == everything


def test_links_carry_the_other_parameters() -> None:
    got = page(URL, Window(2, 3), ["a", "b"], 9, {"query": "tâte & see"})
    assert got["href"] == f"{URL}?offset=3&limit=2&query=t%C3%A2te+%26+see"
    assert got["previous"] == f"{URL}?offset=1&limit=2&query=t%C3%A2te+%26+see"
