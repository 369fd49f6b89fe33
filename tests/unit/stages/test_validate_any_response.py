"""Tests that validation accepts, quarantines or sets aside each record of any response, and never crashes."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotify_pipeline.lake import Manifest, RawObject
from spotify_pipeline.spotify.endpoints import RequestKind
from spotify_pipeline.stages.validate import _Validation
from tests.unit.contract.generated import JUNK, mutated

ID = "4uLU6hMCjMI75M1A2tKUQC"
ARTIST = {"type": "artist", "id": ID, "name": "Somebody", "genres": [], "followers": {"total": 1}}
TRACK: dict[str, Any] = {
    "type": "track",
    "id": ID,
    "name": "A track",
    "uri": f"spotify:track:{ID}",
    "artists": [{"id": ID, "name": "Somebody"}],
    "duration_ms": 1,
    "explicit": False,
    "track_number": 1,
    "disc_number": 1,
    "external_ids": {"isrc": "QZ1234567890"},
    "album": {"type": "album", "id": ID, "name": "An album", "images": [{"url": "x"}]},
}
ALBUM: dict[str, Any] = {
    "type": "album",
    "id": ID,
    "name": "An album",
    "album_type": "album",
    "artists": [{"id": ID, "name": "Somebody"}],
    "release_date": "2001",
    "tracks": {"items": [TRACK], "next": None},
}
AT = "2026-11-22T06:00:00Z"
CONTEXT = {"type": "album", "uri": f"spotify:album:{ID}"}


def page(*items: Any) -> dict[str, Any]:
    return {"href": "x", "items": [*items, None], "next": None, "offset": 0, "limit": 50, "total": 2}


RESPONSES: dict[RequestKind, Any] = {
    RequestKind.ARTIST: ARTIST,
    RequestKind.ARTIST_ALBUMS: page(ALBUM),
    RequestKind.ALBUM: ALBUM,
    RequestKind.ALBUM_TRACKS: page(TRACK),
    RequestKind.TRACK: TRACK,
    RequestKind.TRACKS: {"tracks": [TRACK, None]},
    RequestKind.SEARCH: {"tracks": page(TRACK), "albums": page(ALBUM), "artists": page(ARTIST)},
    RequestKind.PLAYLIST: {"type": "playlist", "id": ID, "name": "x", "owner": {"id": "y"}},
    RequestKind.PLAYLIST_ITEMS: page({"added_at": AT, "item": TRACK, "track": TRACK}),
    RequestKind.SAVED_TRACKS: page({"added_at": AT, "track": TRACK}),
    RequestKind.TOP_TRACKS: page(TRACK),
    RequestKind.TOP_ARTISTS: page(ARTIST),
    RequestKind.FOLLOWED_ARTISTS: {"artists": page(ARTIST)},
    RequestKind.RECENTLY_PLAYED: page({"played_at": AT, "track": TRACK, "context": CONTEXT}),
}


def validated(kind: RequestKind, body: bytes) -> _Validation:
    """Validate one response and return the validation."""
    query = {"time_range": "long_term"}
    at = datetime(2026, 11, 22, 6, tzinfo=UTC)
    raw = RawObject("raw/x", kind.value, "GET", "/x", query, ID, 200, at, "0" * 64, len(body))
    manifest = Manifest(date(2026, 11, 22), "x", "artist", "0" * 64, True, (raw,), user="0123456789abcdef")
    work = _Validation(manifest)
    work.add(raw, body)
    return work


def assert_adds_up(work: _Validation) -> None:
    for kind, counts in work._counts.items():
        assert counts.fetched == counts.accepted + counts.quarantined + counts.set_aside, kind


@pytest.mark.parametrize("kind", RequestKind)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_promise_4_counts_of_any_response_add_up(kind: RequestKind, data: st.DataObject) -> None:
    body = mutated(copy.deepcopy(RESPONSES[kind]), data)
    assert_adds_up(validated(kind, json.dumps(body).encode()))


POISON = ["NaN", "1e999", "9" * 5000, '"\\ud800"', '"a\\u0000b"', "[" * 2000 + "]" * 2000, '{"a": 1, "a": 2}']


@pytest.mark.parametrize("kind", RequestKind)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_counts_of_a_response_with_poison_add_up(kind: RequestKind, data: st.DataObject) -> None:
    text = json.dumps(mutated(copy.deepcopy(RESPONSES[kind]), data))
    value = data.draw(st.sampled_from(POISON))
    places = [index for index, letter in enumerate(text) if letter in "0123456789[{"]
    if places:
        # replaces a digit, or is inserted as the first member of a list or an object
        place = data.draw(st.sampled_from(places))
        letter = text[place]
        instead = {"[": f"[{value}, ", "{": f'{{"poison": {value}, "id": 5, '}.get(letter, value)
        text = text[:place] + instead + text[place + 1 :]
    assert_adds_up(validated(kind, text.encode()))


@pytest.mark.parametrize("kind", RequestKind)
@settings(max_examples=10, deadline=None)
@given(body=JUNK | st.binary(max_size=30).map(lambda data: data.decode("latin-1")))
def test_counts_of_unrelated_json_add_up(kind: RequestKind, body: Any) -> None:
    assert_adds_up(validated(kind, json.dumps(body).encode()))
