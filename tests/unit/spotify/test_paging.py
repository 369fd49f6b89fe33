"""Tests paging with regular, recorded and malformed pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_pipeline.spotify.paging import albums, member, next_of, play_times
from spotify_pipeline.spotify.session import UnreadableResponse

ALBUM = "4aawyAB9vmqN3uQ7FjRGTy"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["items", "next", "id"]), inner)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (None, "holds null"),
        ([], "of type list"),
        ({"next": None}, "no list of items"),
        ({"items": None, "next": None}, "no list of items"),
        ({"items": []}, "does not say"),
        ({"items": [], "next": 7}, "next that is of type int"),
    ],
)
def test_a_malformed_page_is_named(page: Any, problem: str) -> None:
    with pytest.raises(UnreadableResponse, match=f"^the response .*{problem}"):
        next_of(page, "the response of /x")


def test_a_missing_member_is_named() -> None:
    assert member({"tracks": 1}, "tracks", "it") == 1
    documents: tuple[Any, ...] = ({}, None, [])
    for document in documents:
        with pytest.raises(UnreadableResponse, match="it has no 'tracks'"):
            member(document, "tracks", "it")


def test_entries_without_a_valid_id_are_skipped() -> None:
    items = [None, {"id": None}, {"id": 5}, {"id": "short"}, "text", {}, {"id": ALBUM}]
    assert list(albums({"items": items})) == [(ALBUM, {"id": ALBUM})]


@given(JSON)
def test_any_document_is_a_page_or_an_unreadable_response(document: Any) -> None:
    try:
        link = next_of(document, "it")
    except UnreadableResponse:
        return
    assert link is None or link
    assert all(len(album_id) == 22 for album_id, _ in albums(document))


def test_every_recorded_listing_can_be_paged(reference_data: Path) -> None:
    listings = sorted((reference_data / "recorded").glob("*/*rtist*lbums*.json"))
    assert len(listings) >= 3
    for path in listings:
        page = json.loads(path.read_text())
        link = next_of(page, path.name)
        assert link is None or link.startswith("https://api.spotify.com/v1/"), path
        assert len(list(albums(page))) == len(page["items"]), path


def test_every_recorded_album_can_be_paged(reference_data: Path) -> None:
    albums = [
        reference_data / "recorded" / "JMPerez-spotify-web-api-js" / "album.json",
        reference_data / "recorded" / "spotify-web-api-java" / "GetAlbumRequest.json",
    ]
    for path in albums:
        tracks = member(json.loads(path.read_text()), "tracks", path.name)
        assert next_of(tracks, path.name) is None


def test_only_readable_times_of_plays_are_returned() -> None:
    items = [None, 5, {}, {"played_at": None}, {"played_at": "soon"}, {"played_at": "2026-11-22T05:00:00"}]
    page = {"items": [*items, {"played_at": "2026-11-22T05:00:00.123Z"}]}
    assert list(play_times(page)) == [datetime(2026, 11, 22, 5, 0, 0, 123_000, tzinfo=UTC)]
