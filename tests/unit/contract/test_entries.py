"""Tests the entries of lists: which a response contains, their fields, and violations of the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spotify_pipeline.contract.entries import (
    EntryFields,
    check_entry,
    find_entries,
)
from spotify_pipeline.contract.validator import ValidationResult

ID = "4uLU6hMCjMI75M1A2tKUQC"
AT = "2026-11-05T03:00:00Z"
PLAYED = datetime(2026, 11, 5, 3, tzinfo=UTC)
TRACK = {"type": "track", "id": ID, "uri": f"spotify:track:{ID}"}
LOCAL = {"type": "track", "id": None, "uri": "spotify:local:a:b:c:1"}


def checked(request_kind: str, *items: Any, offset: Any = 0) -> list[EntryFields | ValidationResult]:
    return [
        check_entry(entry) for entry in find_entries(request_kind, {"items": list(items), "offset": offset})
    ]


def fields(request_kind: str, item: Any) -> EntryFields:
    (found,) = checked(request_kind, item)
    assert isinstance(found, EntryFields), found
    return found


def test_positions_continue_over_pages() -> None:
    page = {"items": [{"track": None}, None], "offset": 50}
    assert [entry.position for entry in find_entries("playlist_items", page)] == [50, 51]
    for odd in (None, -1, "50", True, 2**40):
        assert [e.position for e in find_entries("saved_tracks", {"items": [None], "offset": odd})] == [0]
        page = {"items": [None], "offset": odd}
        assert [entry.position for entry in find_entries("top_tracks", page, 50)] == [50]


@pytest.mark.parametrize("body", [None, [], "text", {}, {"items": None}, {"items": {}}])
def test_a_body_that_is_not_a_page_has_no_entry(body: Any) -> None:
    assert list(find_entries("playlist_items", body)) == []


def test_a_response_of_another_kind_has_no_entry() -> None:
    assert list(find_entries("album_tracks", {"items": [TRACK]})) == []


@pytest.mark.parametrize(
    ("entry", "kind", "track_id"),
    [
        ({"added_at": AT, "item": TRACK}, "track", ID),
        ({"added_at": AT, "track": TRACK}, "track", ID),
        ({"added_at": AT, "item": TRACK, "track": True}, "track", ID),
        ({"added_at": AT, "item": TRACK, "track": LOCAL}, "track", ID),
        ({"added_at": AT, "item": None, "track": TRACK}, "track", ID),
        ({"added_at": None, "item": LOCAL, "is_local": True}, "local", None),
        ({"added_at": AT, "item": LOCAL}, "local", None),
        ({"added_at": AT, "item": {"type": "episode", "id": ID}}, "episode", None),
        ({"added_at": AT, "item": None}, "null", None),
        ({"added_at": AT, "item": {"type": "track", "id": None}}, "null", None),
        (None, "null", None),
    ],
)
def test_the_kind_of_a_playlist_item(entry: Any, kind: str, track_id: str | None) -> None:
    found = fields("playlist_items", entry)
    assert (found.item_kind, found.track_id) == (kind, track_id)


def test_a_play_has_its_time_and_its_context() -> None:
    context = {"type": "album", "uri": f"spotify:album:{ID}"}
    play = fields(
        "recently_played", {"played_at": "2026-11-05T03:00:00.123Z", "track": TRACK, "context": context}
    )
    assert play.at == PLAYED.replace(microsecond=123_000)
    assert (play.context_type, play.context_id) == ("album", ID)
    bare = fields("recently_played", {"played_at": AT, "track": TRACK, "context": None})
    assert (bare.at, bare.context_type, bare.context_id) == (PLAYED, None, None)


def test_an_entry_of_top_tracks_is_the_track_itself() -> None:
    assert fields("top_tracks", TRACK).track_id == ID


@pytest.mark.parametrize("request_kind", ["top_artists", "followed_artists"])
def test_an_entry_of_an_artist_list_is_the_artist_itself(request_kind: str) -> None:
    found = fields(request_kind, {"id": ID, "name": "x", "type": "artist"})
    assert (found.item_kind, found.artist_id, found.track_id) == ("artist", ID, None)
    assert not found.is_set_aside
    assert fields(request_kind, None).is_set_aside
    assert fields(request_kind, {"id": None, "name": "", "type": "artist"}).is_set_aside


@pytest.mark.parametrize(
    ("request_kind", "entry", "code"),
    [
        ("recently_played", {"track": TRACK}, "play.played_at.required"),
        ("recently_played", {"track": TRACK, "played_at": None}, "play.played_at.type"),
        ("recently_played", {"track": TRACK, "played_at": "2026-13-01T00:00:00Z"}, "play.instant"),
        ("recently_played", {"track": TRACK, "played_at": "yesterday"}, "play.played_at.pattern"),
        ("saved_tracks", {"added_at": AT}, "saved_track.track.required"),
        (
            "saved_tracks",
            {"added_at": AT, "track": {"id": "'; DROP TABLE"}},
            "saved_track.track.id.minLength",
        ),
        ("playlist_items", {"added_at": AT, "item": {"uri": f"spotify:track:{ID}"}}, "playlist_item.no_id"),
        ("saved_tracks", {"added_at": AT, "track": {"uri": f"spotify:track:{ID}"}}, "saved_track.no_id"),
        ("recently_played", {"played_at": AT, "track": {"uri": f"spotify:track:{ID}"}}, "play.no_id"),
        ("top_tracks", {"id": 5}, "top_track.id.type"),
        ("top_artists", {"id": 5}, "top_artist.id.type"),
        ("top_artists", {"uri": f"spotify:artist:{ID}"}, "top_artist.id.required"),
        ("top_artists", {"id": ID, "type": "track"}, "top_artist.type.const"),
        ("followed_artists", {"name": "x"}, "followed_artist.id.required"),
        ("followed_artists", [], "followed_artist.type"),
        ("playlist_items", "text", "playlist_item.type"),
        ("playlist_items", {"item": [], "added_at": AT}, "playlist_item.item.type"),
    ],
)
def test_a_violation_in_an_entry_has_the_code_of_its_rule(request_kind: str, entry: Any, code: str) -> None:
    (verdict,) = checked(request_kind, entry)
    assert isinstance(verdict, ValidationResult)
    assert code in {violation.code for violation in verdict.violations}
