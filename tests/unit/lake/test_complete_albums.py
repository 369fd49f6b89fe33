"""Tests which albums are complete, for responses in any order."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spotify_pipeline.contract.albums import listing_sha256
from spotify_pipeline.lake import RawObject
from spotify_pipeline.lake.complete_albums import AlbumsSeen

ALBUM = "a" * 22
AT = datetime(2026, 11, 22, 6, tzinfo=UTC)
LISTED = {
    "id": ALBUM,
    "type": "album",
    "name": "Album",
    "album_type": "album",
    "artists": [{"id": "b" * 22, "name": "Artist"}],
    "release_date": "2020-01-01",
    "release_date_precision": "day",
    "total_tracks": 60,
    "images": [],
}


def raw(kind: str, requested_id: str | None = ALBUM, number: int = 0) -> RawObject:
    key = f"raw/{kind}-{number}.json"
    return RawObject(key, kind, "GET", f"/{kind}", {}, requested_id, 200, AT, "0" * 64, 1)


def page(following: str | None) -> dict[str, Any]:
    return {"items": [], "next": following}


LISTING = (raw("artist_albums", "b" * 22), {"items": [LISTED, None, "odd"]})
DETAIL = (raw("album"), LISTED | {"tracks": page("more")})
LAST = (raw("album_tracks"), page(None))


def complete(*responses: tuple[RawObject, Any]) -> list[str]:
    seen = AlbumsSeen()
    for response in responses:
        seen.add(*response)
    return [album.album_id for album in seen.complete()]


def test_an_album_with_detail_and_last_page_is_complete() -> None:
    for order in itertools.permutations((LISTING, DETAIL, LAST)):
        assert complete(*order) == [ALBUM]


def test_an_album_with_a_missing_part_is_not_complete() -> None:
    for pair in itertools.combinations((LISTING, DETAIL, LAST), 2):
        assert complete(*pair) == []
    unfinished = (raw("album_tracks"), page("still more"))
    assert complete(LISTING, DETAIL, unfinished) == []


def test_an_album_of_one_page_needs_no_other() -> None:
    assert complete(LISTING, (raw("album"), LISTED | {"tracks": page(None)})) == [ALBUM]


def test_malformed_responses_are_ignored() -> None:
    bodies: tuple[Any, ...] = (None, [], "text", {}, {"items": None}, {"tracks": {"next": None}})
    for body in bodies:
        assert complete(LISTING, (raw("album"), body)) == []
    assert complete((raw("artist_albums"), {"items": None}), DETAIL, LAST) == []


def test_a_complete_album_has_listing_and_time_of_the_detail() -> None:
    seen = AlbumsSeen()
    for response in (LISTING, DETAIL, LAST):
        seen.add(*response)
    (album,) = seen.complete()
    assert (album.listing_sha256, album.observed_at) == (listing_sha256(LISTED), AT)


def at_offset(offset: int) -> str:
    return f"https://api.spotify.com/v1/albums/{ALBUM}/tracks?limit=50&offset={offset}"


def test_an_album_not_read_to_its_end_has_the_next_offset() -> None:
    first = (raw("album"), LISTED | {"tracks": page(at_offset(50))})
    second = (raw("album_tracks"), page(at_offset(100)))
    for order in itertools.permutations((LISTING, first, second)):
        seen = AlbumsSeen()
        for response in order:
            seen.add(*response)
        assert [(a.album_id, a.next_offset, a.begun_at) for a in seen.begun()] == [(ALBUM, 100, AT)]
        seen.add(*LAST)
        assert list(seen.begun()) == []
        assert len(list(seen.complete())) == 1


def test_the_rest_of_an_album_completes_it_with_the_old_time() -> None:
    earlier = AT - timedelta(days=1)
    seen = AlbumsSeen({ALBUM: earlier})
    for response in (LISTING, (raw("album_tracks"), page(at_offset(150)))):
        seen.add(*response)
    assert [(a.next_offset, a.begun_at) for a in seen.begun()] == [(150, earlier)]
    seen.add(*LAST)
    assert [a.observed_at for a in seen.complete()] == [earlier]


@pytest.mark.parametrize("link", ["more", at_offset(50).replace("offset", "page"), "http://[", 7])
def test_a_link_without_an_offset_gives_no_next_offset(link: Any) -> None:
    seen = AlbumsSeen()
    for response in (LISTING, (raw("album"), LISTED | {"tracks": page(link)})):
        seen.add(*response)
    assert list(seen.begun()) == []
