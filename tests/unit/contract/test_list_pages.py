"""Tests which pages together are a complete list."""

from __future__ import annotations

from typing import Any

import pytest

from spotify_pipeline.contract.list_pages import ListPages, offset_of, page_in
from spotify_pipeline.json_reading import read_json


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


def entries(*numbers: int, offset: int | None = None, following: int | None = None) -> dict[str, Any]:
    link = None if following is None else f"https://api.example/v1/list?limit=2&offset={following}"
    stated = {} if offset is None else {"offset": offset}
    return {"items": [{"id": number} for number in numbers], "next": link, "total": 6, "limit": 2, **stated}


@pytest.mark.parametrize(
    ("second", "of_sets", "of_others"),
    [
        (entries(3, 4), None, None),
        (entries(2, 3), "a page repeats entries of another", None),
        (entries(2, 1), "a page repeats entries of another", "a page repeats entries of another"),
        # a playlist can hold one track many times
        (entries(1, 1), "a page repeats entries of another", None),
        (entries(3, 4, offset=2), None, None),
        (entries(3, 4, offset=0), "a page states another offset", "a page states another offset"),
        (entries(offset=0), "4 entries were read of the 6", "4 entries were read of the 6"),
    ],
)
def test_pages_of_one_list_do_not_repeat_each_other(
    second: dict[str, Any], of_sets: str | None, of_others: str | None
) -> None:
    for is_set, fault in ((True, of_sets), (False, of_others)):
        read = ListPages(is_set=is_set)
        read.add(entries(1, 2), 0)
        read.add(second, 2)
        read.add(entries(5, 6), 4)
        found = read.fault()
        assert found is None if fault is None else found is not None and fault in found
        assert (read.fault(4) is None) == (fault is None or "were read" in fault)


def test_entries_of_any_json_are_compared() -> None:
    body = b'{"items": [{"n": 1%s, "x": NaN}, "\\ud800", [1e999]]}' % (b"0" * 40)
    read = ListPages(is_set=True)
    read.add(read_json(body), 0)
    read.add(read_json(body), 3)
    assert read.fault() == "a page repeats entries of another"


@pytest.mark.parametrize(
    ("page", "is_doubtful"),
    [
        (entries(3, 4, following=4), False),
        (entries(3, 4), True),
        (entries(3, following=4), True),
        (entries(3, 4, following=6), True),
        (entries(3, 4, following=2), True),
        (entries(2, 1, following=4), True),
        (entries(3, 4, following=4, offset=0), True),
        ({"items": [], "next": None, "limit": 0}, True),
        ({"items": [{"id": 3}], "next": "https://[", "total": 6}, False),
    ],
)
def test_a_page_that_contradicts_its_list_is_doubtful(page: dict[str, Any], is_doubtful: bool) -> None:
    read = ListPages()
    read.add(entries(1, 2, following=2), 0)
    assert read.is_doubtful(page, 2) == is_doubtful
    # of a list that is contradicted already, no page is read again
    read.add(entries(1, 2, following=2), 2)
    assert not read.is_doubtful(page, 4)
