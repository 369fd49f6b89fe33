"""Tests which pages together are a complete list."""

from __future__ import annotations

from typing import Any

import pytest

from spotify_pipeline.contract.list_pages import ListPages, offset_of, page_in


def page(items: int, *, total: Any = 120, following: bool = True, limit: int = 50) -> dict[str, Any]:
    return {"items": [None] * items, "total": total, "next": "a link" if following else None, "limit": limit}


LAST = page(20, following=False)


@pytest.mark.parametrize(
    ("pages", "fault"),
    [
        ([(0, page(50)), (50, page(50)), (100, LAST)], None),
        ([(100, LAST), (0, page(50)), (50, page(50))], None),
        ([(0, page(50, total=None)), (50, page(3, total=None, following=False))], None),
        ([(0, page(0, total=0, following=False))], None),
        # more entries than the total
        ([(0, page(50, total=3)), (50, page(50, total=3, following=False))], None),
        # a `next` link on the last page
        ([(0, page(50, total=50)), (50, page(0, total=50))], None),
        ([(50, page(50)), (100, LAST)], "its first page was not read"),
        ([(0, page(50)), (50, page(50))], "its last page was not read"),
        ([(0, page(50)), (100, LAST)], "70 entries were read of the 120 that Spotify states"),
        ([(0, page(50)), (50, page(50, total=119)), (100, LAST)], "its total changed"),
        ([(0, page(50)), (50, page(0, total=0, following=False, limit=0))], "a page is blank"),
        ([(0, page(0, total=0, following=False, limit=0))], "a page is blank"),
    ],
)
def test_a_list_is_complete_unless_its_pages_contradict_it(
    pages: list[tuple[int, dict[str, Any]]], fault: str | None
) -> None:
    read = ListPages()
    for offset, each in pages:
        read.add(each, offset)
    found = read.fault()
    assert found is None if fault is None else found is not None and fault in found


@pytest.mark.parametrize("total", [True, -1, "120", 3.5, None])
def test_a_total_that_is_not_a_count_is_ignored(total: Any) -> None:
    read = ListPages()
    read.add(page(1, total=total, following=False), 0)
    assert (read.greatest_total, read.fault()) == (0, None)


@pytest.mark.parametrize(("text", "offset"), [("50", 50), ("", 0), ("-1", 0), ("x", 0), ("٣", 0)])
def test_an_offset_is_read_from_the_query(text: str, offset: int) -> None:
    assert offset_of({"offset": text}) == offset_of([("offset", text)]) == offset
    assert offset_of({}) == 0


def test_a_page_after_a_cursor_has_no_offset() -> None:
    assert offset_of({"after": "0" * 22, "limit": "50"}) is None
    read = ListPages()
    read.add(page(50), None)
    read.add(LAST, None)
    assert read.fault() == "its first page was not read"
    read.add(page(50), 0)
    assert read.fault() is None


@pytest.mark.parametrize("body", [None, [], {"artists": None}, {}, {"items": []}])
def test_a_response_without_a_page(body: Any) -> None:
    assert page_in("followed_artists", body) == ("/artists", None)
    assert page_in("saved_tracks", body) == ("", body)


def test_a_list_can_be_complete_up_to_a_limit() -> None:
    read = ListPages()
    read.add(page(50, total=2742), 0)
    assert read.fault() is not None
    assert read.fault(50) is None
    assert read.fault(51) is not None
