"""Tests the faults that alter a page: each changes only the fields that it is meant to change."""

from __future__ import annotations

from typing import Any

import pytest

from spotify_sandbox import page_faults


def page(**changes: Any) -> dict[str, Any]:
    return {
        "href": "http://sandbox/v1/me/tracks?offset=50&limit=50",
        "items": [1, 2],
        "limit": 50,
        "next": None,
        "offset": 50,
        "previous": "http://sandbox/v1/me/tracks?offset=0&limit=50",
        "total": 52,
        **changes,
    }


def test_a_page_is_found_in_a_list_and_in_a_search() -> None:
    assert page_faults.page_in(page()) == page()
    assert page_faults.page_in({"tracks": page()}) == page()
    assert page_faults.page_in({"id": "x", "artists": [1]}) is None
    assert page_faults.page_in([page()]) is None


def test_an_empty_page_is_all_zeros() -> None:
    altered = page()
    page_faults.blank(altered)
    assert altered == page(href=None, items=[], limit=0, offset=0, previous=None, total=0)
    plays = {"items": [1], "next": "x", "cursors": {}}
    page_faults.blank(plays)
    assert plays == {"items": [], "next": None, "cursors": {}}


@pytest.mark.parametrize(("change", "total"), [(-1, 51), (3, 55), (-100, 0)])
def test_only_the_total_changes(change: int, total: int) -> None:
    altered = page()
    page_faults.change_total(altered, change)
    assert altered == page(total=total)


def test_a_next_link_can_be_added_and_removed() -> None:
    altered = page()
    page_faults.add_next(altered)
    assert altered == page(next="http://sandbox/v1/me/tracks?offset=100&limit=50")
    page_faults.drop_next(altered)
    assert altered == page()


def test_plays_except_the_newest_are_delayed() -> None:
    def plays(*hours: int) -> list[dict[str, str]]:
        return [{"played_at": f"2026-11-22T{hour:02}:00:00.000Z"} for hour in hours]

    altered = {"items": plays(12, 11, 10, 9, 8)}
    page_faults.delay_plays(altered, 3 * 3600)
    assert altered == {"items": plays(12, 9, 8)}
    page_faults.delay_plays({"items": []}, 1)
