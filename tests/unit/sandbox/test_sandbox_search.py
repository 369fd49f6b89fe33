"""Tests the search of the sandbox: its query language and results."""

from __future__ import annotations

from datetime import date

import pytest

from spotify_sandbox.catalogue.catalog import Album, Artist, IndexedCatalog, Track
from spotify_sandbox.catalogue.search import Query, SearchIndex
from spotify_sandbox.responses import ApiError

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def index() -> SearchIndex:
    artists = [
        Artist("a1", "Björn Quarry", ("tram jazz",)),
        Artist("a2", "The Quarry"),
        Artist("a3", "Quarry"),
    ]
    albums = [
        Album("b1", "Night Ferry", ("a1",), "album", "1994", "year", 2, upc="123"),
        Album("b2", "Signal", ("a1", "a2"), "single", "2026-11-20", "day", 1),
        Album("b3", "Signal Fires", ("a3",), "album", "2026-11-01", "day", 1),
    ]
    tracks = [
        Track("t1", "Élégie", "b1", ("a1",), 1, 1, 1, False, isrc="GB-ZZ0-94-00001"),
        Track("t2", "Ferry Song", "b1", ("a1", "a2"), 2, 1, 1, False),
        Track("t3", "Signal", "b2", ("a2",), 1, 1, 1, False),
        Track("t4", "Ember", "b3", ("a3",), 1, 1, 1, False),
    ]
    by_id = [{record.id: record for record in records} for records in (artists, albums, tracks)]
    return SearchIndex(IndexedCatalog(TODAY, *by_id))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QUARRY", ["a3", "a1", "a2"]),  # the exact name, then as in the catalogue
        ("bjorn", ["a1"]),
        ('"the quarry"', ["a2"]),
        ("genre:tram", ["a1"]),
        ("artist:bjorn quarry", ["a1"]),
        ("nobody", []),
    ],
)
def test_search_for_artists(index: SearchIndex, text: str, expected: list[str]) -> None:
    assert [artist.id for artist in index.artists(Query.parse(text))] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("signal", ["b2", "b3"]),
        ("signal quarry", ["b2", "b3"]),
        ("artist:björn", ["b1", "b2"]),
        ("album:signal artist:bjorn", ["b2"]),
        ("year:1994", ["b1"]),
        ("year:1990-2025", ["b1"]),
        ("year:soon", []),
        ("tag:new", ["b2"]),
        ("tag:old", []),
        ("upc:123", ["b1"]),
    ],
)
def test_search_for_albums(index: SearchIndex, text: str, expected: list[str]) -> None:
    assert [album.id for album in index.albums(Query.parse(text))] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("elegie", ["t1"]),
        ("signal", ["t3", "t4"]),  # by its own name, then by its album's
        ("track:ferry song", ["t2"]),
        ("track:ferry artist:quarry", ["t2"]),
        ("album:night year:1994", ["t1", "t2"]),
        ("isrc:gbzz09400001", ["t1"]),
        ("tag:new", ["t3"]),
    ],
)
def test_search_for_tracks(index: SearchIndex, text: str, expected: list[str]) -> None:
    assert [track.id for track in index.tracks(Query.parse(text))] == expected


def test_a_query_is_split_into_terms_and_fields() -> None:
    query = Query.parse('one "Two Three" ARTIST:"four five" album:six seven year:1990 eight')
    assert query.terms == ("one", "two three", "eight")
    assert query.fields == (("artist", "four five"), ("album", "six seven"), ("year", "1990"))


@pytest.mark.parametrize("text", ["", "  ", '""'])
def test_an_empty_query_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="No search query"):
        Query.parse(text)
