"""Tests that poisoned responses of a real HTTP server are quarantined, or end in a clear error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.stages.fetch import fetch_into_raw
from tests.integration.pipeline import DAY, Pipeline
from tests.integration.spotify.conftest import ClientMaker, scripted_client, server, sleeps
from tests.integration.spotify.scripted import Reply, ScriptedServer

__all__ = ["scripted_client", "server", "sleeps"]  # fixtures
pytestmark = pytest.mark.integration
GOOD = 39
DEEP = "[" * 10_000 + "]" * 10_000
PLACE = "POISON"
KEY = re.compile(
    r"(raw|validated|quarantine)/ingest_date=2026-11-22/source=[a-z0-9-]+/[a-z_0-9-]+\.(nd)?json"
)

# JSON that is added to one record of forty, after `"duration_ms": 1`
RECORD_POISON = {
    "nul-in-a-name": ', "name": "a\\u0000b"',
    "lone-surrogate": ', "name": "a\\ud800b"',
    "surrogate-elsewhere": ', "preview_url": "\\udfff"',
    "surrogate-in-a-name-of-a-field": ', "\\ud800": 1',
    "two-ids": ', "id": "4uLU6hMCjMI75M1A2tKUQC"',
    "two-values-elsewhere": ', "extra": {"a": 1, "a": 2}',
    "not-a-number": ', "popularity": NaN',
    "infinity-elsewhere": ', "extra": [-Infinity]',
    "beyond-double": ', "popularity": 1e999',
    "beyond-bigint": ', "popularity": 99999999999999999999999999',
    "five-thousand-digits": f', "popularity": {"9" * 5000}',
    "ten-thousand-deep": f', "extra": {DEEP}',
    "ten-thousand-deep-in-a-field-of-the-contract": f', "artists": {DEEP}',
    "long-string": f', "name": "{"x" * 20_000_000}"',
    "id-like-a-path": ', "id": "../../../etc/x"',
    "id-like-sql": ', "id": "\'; DROP TABLE staging.tracks; --"',
    "id-of-the-right-length-like-a-path": ', "id": "../../../../../../etc/x"',
    "id-null": ', "id": null',
    "id-a-number": ', "id": 5',
    "artist-like-sql": ', "artists": [{"id": "\' OR 1=1 --", "name": "x"}]',
    "fraction": ', "track_number": 1.5',
    "word-for-a-flag": ', "explicit": "false"',
}
# a track without an id is not available and is set aside
SET_ASIDE = {"id-null"}


def track(number: int) -> dict[str, Any]:
    return {
        "type": "track",
        "id": f"{number:022}",
        "name": f"Track {number}",
        "artists": [{"id": f"{7:022}", "name": "Somebody"}],
        "explicit": False,
        "track_number": number,
        "disc_number": 1,
        "duration_ms": 1,
    }


def album(number: int, poison: str = "", *, twice: bool = False) -> str:
    """Return an album of forty tracks as JSON; `poison` replaces a field of the first track."""
    first = number * 100
    tracks = [track(first + index) for index in range(GOOD)]
    bad = track(first + 99)
    for name in re.findall(r'^, "(\w+)":', poison):
        if not twice:
            bad.pop(name, None)
    page = {"items": [PLACE, *tracks], "next": None, "offset": 0, "limit": 50, "total": 40, "href": "x"}
    body = {
        "type": "album",
        "id": f"{number:022}",
        "name": "An album",
        "album_type": "album",
        "artists": [{"id": f"{7:022}", "name": "Somebody"}],
        "release_date": "2001",
        "release_date_precision": "year",
        "total_tracks": 40,
        "tracks": page,
    }
    text = json.dumps(bad)[:-1] + poison + "}"
    return json.dumps(body).replace(f'"{PLACE}"', text)


@dataclass
class Poisoned:
    """A pipeline and the scripted server that stands for Spotify."""

    pipeline: Pipeline
    server: ScriptedServer
    client: SpotifyClient

    def process(self, name: str, number: int, body: bytes | str) -> Any:
        """Fetch, validate and load a source with one album; return its state or the error."""
        source = Source(name, SourceKind.ALBUM, (f"{number:022}",))
        self.server.on(f"/v1/albums/{number:022}", Reply(body=body))
        try:
            fetch_into_raw(self.pipeline.lake, self.client, DAY, source)
            self.pipeline.validate(name)
            return self.pipeline.load(name)
        except PipelineError as error:
            return error

    def assert_keys_are_well_formed(self) -> None:
        for zone in ("", "raw/", "validated/", "quarantine/"):
            for key in self.pipeline.lake.keys(zone):
                assert KEY.fullmatch(key), key


@pytest.fixture
def poisoned(pipeline: Pipeline, server: ScriptedServer, scripted_client: ClientMaker) -> Poisoned:
    return Poisoned(pipeline, server, scripted_client())


def test_promise_8_a_bad_record_never_stops_the_good_ones(poisoned: Poisoned) -> None:
    pipeline = poisoned.pipeline
    for number, (name, poison) in enumerate(RECORD_POISON.items(), start=1):
        state = poisoned.process(name, number, album(number, poison, twice=name == "two-ids"))
        assert not isinstance(state, PipelineError), (name, str(state))
        assert state.status == "complete", name
        counts = state.counts["track"]
        assert (counts.fetched, counts.loaded) == (GOOD + 1, GOOD), name
        bad = (0, 1) if name in SET_ASIDE else (1, 0)
        assert (counts.quarantined, counts.set_aside) == bad, name
        assert state.counts["album"].loaded == 1, name
        assert all(kind.adds_up for kind in state.counts.values()), name
    refused = pipeline.query("SELECT source, pointer FROM ops.quarantined_record ORDER BY source")
    assert refused == [(name, "/tracks/items/0") for name in sorted(RECORD_POISON.keys() - SET_ASIDE)]
    # the tables contain the good records and nothing else
    assert pipeline.query(
        "SELECT count(*), count(*) FILTER (WHERE name = 'Track ' || track_id::numeric) FROM staging.tracks"
    ) == [(GOOD * len(RECORD_POISON),) * 2]
    assert pipeline.query("SELECT artist_id FROM staging.artists") == [(f"{7:022}",)]
    poisoned.assert_keys_are_well_formed()


def _utf16(text: str) -> bytes:
    return text.encode("utf-16")


# whole bodies that are read, that are no JSON, and that are JSON without records
READABLE: dict[str, Callable[[str], bytes]] = {
    "utf-16": _utf16,
    "utf-32": lambda text: text.encode("utf-32"),
    "byte-order-mark": lambda text: text.encode("utf-8-sig"),
    "nested-next-to-the-records": lambda text: f'{text[:-1]}, "extra": {DEEP}}}'.encode(),
    "escaped": lambda text: text.replace("Track", "\\u0054rack").encode(),
}
NO_JSON: dict[str, bytes | str] = {
    "empty": b"",
    "white-space": b"  \n",
    "html": b"<html><body>502</body></html>",
    "cut": album(900)[:-200].encode(),
    "latin-1": album(901).replace("Somebody", "Björk").encode("latin-1"),
    "only-brackets": b"[" * 10_000,
    "nul-bytes": b"\0" * 100,
    "two-documents": b"{}{}",
}
NO_RECORDS: dict[str, bytes] = {
    "a-number": b"5",
    "a-word": b'"album"',
    "no-number": b"NaN",
    "a-list": b"[]",
    "an-empty-object": b"{}",
    "ten-thousand-deep": DEEP.encode(),
    "tracks-twice": b'{"type": "album", "tracks": {"items": []}, "tracks": {"items": [1]}}',
}


def test_unusual_encodings_are_read_and_no_json_is_an_error(poisoned: Poisoned) -> None:
    number = 0
    for name, encode in READABLE.items():
        number += 1
        state = poisoned.process(name, number, encode(album(number, ', "extra": 1')))
        assert not isinstance(state, PipelineError), (name, str(state))
        assert (state.counts["track"].loaded, state.counts["track"].quarantined) == (GOOD + 1, 0), name
    loaded = poisoned.pipeline.checksums()
    for name, body in NO_JSON.items():
        number += 1
        error = poisoned.process(name, number, body)
        assert isinstance(error, PipelineError), name
        assert "\n" not in str(error), name
    assert poisoned.pipeline.checksums() == loaded
    poisoned.assert_keys_are_well_formed()


def test_promise_4_nothing_is_lost_without_a_record(poisoned: Poisoned) -> None:
    for number, (name, body) in enumerate(NO_RECORDS.items(), start=1):
        error = poisoned.process(name, number, body)
        # the only record is bad, which is above the allowed share, so the source fails
        assert isinstance(error, PipelineError), name
        assert "spotify-pipeline quarantine list" in str(error), (name, str(error))
    state = poisoned.process("null", 99, b"null")
    assert (state.status, state.counts["album"].set_aside) == ("partial", 1)
    codes = poisoned.pipeline.query("SELECT source, reason_code FROM ops.quarantined_record ORDER BY source")
    assert [source for source, _ in codes] == sorted(NO_RECORDS)
    assert poisoned.pipeline.query("SELECT count(*) FROM staging.albums") == [(0,)]
    poisoned.assert_keys_are_well_formed()


def test_a_body_of_100_megabytes_is_refused_and_not_stored(poisoned: Poisoned) -> None:
    body = album(1, f', "name": "{"x" * 100_000_000}"').encode()
    error = poisoned.process("large", 1, body)
    assert "SPOTIFY_PIPELINE_MAX_RESPONSE_BYTES" in str(error)
    assert poisoned.pipeline.lake.keys("raw/") == []
    assert read_manifest(poisoned.pipeline.lake, DAY, "large") is None


def test_malformed_ids_in_a_listing_are_not_requested(poisoned: Poisoned) -> None:
    """Ids of a listing become paths of further requests."""
    artist = f"{7:022}"
    bad = [
        "../../me",
        "'; DROP TABLE staging.albums; --",
        "a" * 21 + "/",
        "%2e%2e%2f" * 3,
        "a" * 21 + "\n",
        "",
        None,
    ]
    listed: list[dict[str, Any]] = [
        {"type": "album", "id": id_, "name": "x", "album_type": "album", "artists": []} for id_ in bad
    ]
    page = {"items": listed, "next": None, "offset": 0, "limit": 10, "total": len(bad), "href": "x"}
    known = {"type": "artist", "id": artist, "name": "Somebody"}
    poisoned.server.replies = _Listing(poisoned.server.replies["/api/token"], artist, known, page)
    source = Source("listing", SourceKind.ARTIST, (artist,), ("album",))
    fetch_into_raw(poisoned.pipeline.lake, poisoned.client, DAY, source)
    requested = {path.partition("?")[0] for path, _ in poisoned.server.seen}
    assert requested == {"/api/token", f"/v1/artists/{artist}", f"/v1/artists/{artist}/albums"}
    summary = poisoned.pipeline.validate("listing")
    assert summary.counts["album"].quarantined == len(bad)
    poisoned.assert_keys_are_well_formed()


class _Listing(dict[str, list[Reply]]):
    """Replies for an artist and its albums, for any query."""

    def __init__(self, token: list[Reply], artist: str, known: Any, page: Any) -> None:
        super().__init__({"/api/token": token, f"/v1/artists/{artist}": [Reply(body=known)]})
        self._listing = f"/v1/artists/{artist}/albums?", [Reply(body=page)]

    def get(self, path: str, default: Any = None) -> Any:
        prefix, replies = self._listing
        return replies if path.startswith(prefix) else super().get(path, default)
