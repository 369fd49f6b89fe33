"""Tests which records are found in a response, in every kind of envelope."""

from __future__ import annotations

from typing import Any

import pytest

from spotify_pipeline.contract.extract import Found, SetAside, find_records

TRACK = {"type": "track", "id": "t" * 22}
ALBUM = {"type": "album", "id": "a" * 22}
ARTIST = {"type": "artist", "id": "r" * 22}


def found(body: Any, **context: Any) -> list[tuple[str, str]]:
    return [
        (item.kind, item.pointer) if isinstance(item, Found) else (f"{item.kind} {item.reason}", item.pointer)
        for item in find_records(body, **context)
    ]


def test_items_of_a_page_are_in_order_and_nulls_set_aside() -> None:
    assert found({"items": [TRACK, None, TRACK]}) == [
        ("track", "/items/0"),
        ("track null", "/items/1"),
        ("track", "/items/2"),
    ]


def test_an_album_contains_itself_and_its_tracks() -> None:
    records = list(find_records({**ALBUM, "tracks": {"items": [TRACK]}}))
    assert [(r.kind, r.pointer, r.album_id) for r in records if isinstance(r, Found)] == [
        ("album", "", None),
        ("track", "/tracks/items/0", "a" * 22),
    ]


def test_a_search_contains_the_items_of_each_page() -> None:
    body = {"tracks": {"items": [TRACK]}, "albums": {"items": [ALBUM]}, "artists": {"items": [None]}}
    assert found(body) == [
        ("track", "/tracks/items/0"),
        ("album", "/albums/items/0"),
        ("artist null", "/artists/items/0"),
    ]


def test_several_by_id_with_one_unknown() -> None:
    assert found({"tracks": [None, TRACK]}) == [("track null", "/tracks/0"), ("track", "/tracks/1")]


def test_an_entry_with_both_item_and_track_counts_once() -> None:
    assert found({"items": [{"added_at": None, "item": TRACK, "track": TRACK}]}) == [
        ("track", "/items/0/item")
    ]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"track": None}, "null"),
        ({"is_local": True, "track": {"type": "track", "id": None}}, "local"),
        ({"track": {"type": "track", "id": None, "uri": "spotify:local:a:b:c:1"}}, "local"),
        ({"track": {"type": "track", "id": None, "is_local": True}}, "local"),
        ({"item": {"type": "episode", "id": "e" * 22}}, "episode"),
    ],
)
def test_other_items_are_set_aside_with_a_reason(entry: dict[str, Any], reason: str) -> None:
    items = list(find_records({"items": [entry]}))
    assert [item.reason for item in items if isinstance(item, SetAside)] == [reason]
    assert len(items) == 1


def test_a_saved_album_entry_contains_the_album() -> None:
    assert found({"items": [{"added_at": "2020-01-01T00:00:00Z", "album": ALBUM}]}) == [
        ("album", "/items/0/album")
    ]


def test_a_null_playlist_entry_is_an_absent_track() -> None:
    assert found({"items": [None, {"track": TRACK}]}) == [
        ("track null", "/items/0"),
        ("track", "/items/1/track"),
    ]


def test_an_object_of_another_type_is_left_to_the_contract() -> None:
    assert found({"items": [ARTIST, 7]}, expected="track") == [("track", "/items/0"), ("track", "/items/1")]


def test_artists_and_albums_in_a_track_are_not_records() -> None:
    assert found({**TRACK, "album": ALBUM, "artists": [ARTIST]}) == [("track", "")]


def test_responses_without_records_have_none() -> None:
    assert found({"error": {"status": 404, "message": "x"}}) == []
    assert found({"shows": {"items": [{"type": "show"}]}}) == []
    assert found([]) == []
