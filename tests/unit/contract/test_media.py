"""Tests that entries and records are classified alike: both set aside what is not a track."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spotify_pipeline.contract.entries import EntryFields, check_entry, find_entries
from spotify_pipeline.contract.extract import EXPECTED, SetAside, find_records
from spotify_pipeline.contract.media import media_of

ID = "4aawyAB9vmqN3uQ7FjRGTy"
NO_IDS = {
    "type": "track",
    "id": None,
    "uri": None,
    "href": None,
    "name": "",
    "is_local": False,
    "artists": [{"type": "artist", "id": None, "name": "", "uri": None}],
    "album": {"type": "album", "id": None, "name": "", "release_date": None},
    "duration_ms": 0,
    "explicit": False,
}
NOT_TRACKS = {
    "no ids": NO_IDS,
    "an empty id": NO_IDS | {"id": ""},
    "an address alone": NO_IDS | {"uri": f"spotify:track:{ID}"},
    "an absent id": {name: value for name, value in NO_IDS.items() if name not in {"id", "uri"}},
    "an audiobook": {"type": "audiobook", "id": ID, "uri": f"spotify:audiobook:{ID}", "name": "a"},
    "a chapter": {"type": "chapter", "id": ID, "uri": f"spotify:chapter:{ID}", "name": "c"},
    "a show": {"type": "show", "id": ID, "uri": f"spotify:show:{ID}", "name": "s"},
    "a kind of tomorrow": {"type": "hologram", "id": ID, "uri": f"spotify:hologram:{ID}", "name": "h"},
    "an episode": {"type": "episode", "id": ID, "uri": f"spotify:episode:{ID}", "name": "e"},
    "nothing": None,
}
WHEN = {"added_at": "2021-01-01T00:00:00Z"}
PAGES: dict[str, Callable[[Any], Any]] = {
    "playlist_items": lambda item: {**WHEN, "is_local": False, "item": item},
    "saved_tracks": lambda item: {**WHEN, "track": item},
    "top_tracks": lambda item: item,
    "recently_played": lambda item: {"played_at": "2026-11-22T04:00:00.000Z", "context": None, "track": item},
}


@pytest.mark.parametrize("request_kind", PAGES)
@pytest.mark.parametrize("item", NOT_TRACKS.values(), ids=NOT_TRACKS)
def test_entry_and_record_set_aside_what_is_not_a_track(request_kind: str, item: Any) -> None:
    body = {"items": [PAGES[request_kind](item)], "offset": 0}
    (entry,) = find_entries(request_kind, body)
    fields = check_entry(entry)
    assert isinstance(fields, EntryFields)
    assert (fields.item_kind, fields.track_id) == (media_of(item), None)
    (record,) = find_records(body, expected=EXPECTED[request_kind])
    assert isinstance(record, SetAside)
    assert record.reason == media_of(item)


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"type": "track", "id": ID}, "track"),
        ({"id": ID}, "track"),
        ({"type": "track", "uri": f"spotify:track:{ID}"}, "track"),  # without an id: invalid
        ({"name": "a projection", "href": f"https://api.spotify.com/v1/tracks/{ID}"}, "track"),
        ({"type": "track", "id": 5}, "track"),
        ({"type": "artist", "id": ID}, "track"),
        ({"type": "track", "id": None, "uri": "spotify:local:a:b:c:9"}, "local"),
        ({"type": "track", "id": None, "is_local": True}, "local"),
    ],
)
def test_anything_else_counts_as_a_track_for_the_contract(item: dict[str, Any], kind: str) -> None:
    assert media_of(item) == kind
