"""Entries and records are classified alike: what is no track is set aside by both."""

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
HELD = {
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
    "playlist_items": lambda held: {**WHEN, "is_local": False, "item": held},
    "saved_tracks": lambda held: {**WHEN, "track": held},
    "top_tracks": lambda held: held,
    "recently_played": lambda held: {"played_at": "2026-11-22T04:00:00.000Z", "context": None, "track": held},
}


@pytest.mark.parametrize("request_kind", PAGES)
@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_what_is_no_track_is_set_aside_by_entry_and_record(request_kind: str, held: Any) -> None:
    body = {"items": [PAGES[request_kind](held)], "offset": 0}
    (entry,) = find_entries(request_kind, body)
    fields = check_entry(entry)
    assert isinstance(fields, EntryFields)
    assert (fields.item_kind, fields.track_id) == (media_of(held), None)
    (record,) = find_records(body, expected=EXPECTED[request_kind])
    assert isinstance(record, SetAside)
    assert record.reason == media_of(held)


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        ({"type": "track", "id": ID}, "track"),
        ({"id": ID}, "track"),
        ({"type": "track", "uri": f"spotify:track:{ID}"}, "track"),  # a field of the id is missing: bad
        ({"name": "a projection", "href": f"https://api.spotify.com/v1/tracks/{ID}"}, "track"),
        ({"type": "track", "id": 5}, "track"),
        ({"type": "artist", "id": ID}, "track"),
        ({"type": "track", "id": None, "uri": "spotify:local:a:b:c:9"}, "local"),
        ({"type": "track", "id": None, "is_local": True}, "local"),
    ],
)
def test_only_what_is_no_track_is_kept_from_the_contract(held: dict[str, Any], kind: str) -> None:
    assert media_of(held) == kind
