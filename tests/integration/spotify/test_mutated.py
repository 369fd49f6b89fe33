"""Tests that for recorded and mutated responses a crawl returns a result or raises one of our errors."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.crawl import CrawlResult
from spotify_pipeline.spotify.endpoints import ENDPOINTS, AppClass, RequestKind
from spotify_pipeline.spotify.headers import RETRY_AFTER_MAX
from tests.integration.spotify.clients import ClientMaker
from tests.integration.spotify.scripted import DATE, Reply, ScriptedServer
from tests.integration.spotify.store import Store

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ID = "4aawyAB9vmqN3uQ7FjRGTy"
SOURCES = {
    SourceKind.ARTIST: Source("s", SourceKind.ARTIST, (ID,), ("album",)),
    SourceKind.ALBUM: Source("s", SourceKind.ALBUM, (ID,)),
    SourceKind.TRACK: Source("s", SourceKind.TRACK, (ID,)),
    SourceKind.PLAYLIST: Source("s", SourceKind.PLAYLIST, (ID,)),
    SourceKind.SEARCH: Source("s", SourceKind.SEARCH, queries=("x",), types=("track",), max_results=30),
    SourceKind.SAVED_TRACKS: Source("s", SourceKind.SAVED_TRACKS),
    SourceKind.TOP_TRACKS: Source("s", SourceKind.TOP_TRACKS, time_ranges=("long_term",)),
    SourceKind.TOP_ARTISTS: Source("s", SourceKind.TOP_ARTISTS, time_ranges=("long_term",)),
    SourceKind.FOLLOWED_ARTISTS: Source("s", SourceKind.FOLLOWED_ARTISTS),
    SourceKind.RECENTLY_PLAYED: Source("s", SourceKind.RECENTLY_PLAYED),
}
TRACK = {"id": ID, "name": "t", "is_local": False, "external_ids": {"isrc": "QZ1234567890"}}
PAGE = {"href": "x", "items": [{"track": TRACK, "item": TRACK, "added_at": None}], "next": None, "total": 1}
DOCUMENT: dict[str, Any] = {
    **PAGE,
    "id": ID,
    "tracks": {**PAGE, "items": [TRACK, None]},
    "artists": [{"id": ID}],
    "cursors": {"after": "5", "before": "4"},
    "items": [{"id": ID, "played_at": "2026-11-22T04:00:00.000Z", "track": TRACK}, None],
}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.sampled_from(
        ["http://[", "API/v1/me/tracks?offset=1&offset=2", "API/v1/../x", "//elsewhere/v1/me", "API/v1"]
    ),
)
RETRY_AFTER = st.one_of(
    st.sampled_from(["", "0", "-1", "1.5", "1e9", "Sun, 22 Nov 2026 06:00:30 GMT", "soon", "nan", "9" * 400]),
    st.integers(-10, 10**12).map(str),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12),
)


@pytest.fixture
def client(scripted_client: ClientMaker) -> SpotifyClient:
    return scripted_client()


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in paths_in(item, (*path, key)))]


def mutated(document: Any, data: st.DataObject, api_url: str) -> Any:
    """Replace or remove up to three parts of the document."""
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(paths_in(document)))
        junk = data.draw(JUNK)
        junk = junk.replace("API/v1", api_url) if isinstance(junk, str) else junk
        if not place:
            return junk
        parent = document
        for key in place[:-1]:
            parent = parent[key]
        if isinstance(parent, dict) and data.draw(st.booleans()):
            del parent[place[-1]]
        else:
            parent[place[-1]] = junk
    return document


def crawl_outcome(client: SpotifyClient, source: Source) -> CrawlResult | PipelineError:
    store = Store()
    try:
        result = store.crawl(client, source, concurrency=2)
    except PipelineError as error:
        return error
    # the result omits a page that was read again, or that repeats the page before
    for request in set(store.bodies) - set(result.requests):
        assert any(other.path == request.path for other in result.requests)
    assert set(result.requests) <= set(store.bodies)
    assert result.complete == (result.message is None)
    return result


class SameReply(dict[str, list[Reply]]):
    """Replies that are the same for every path but that of the token."""

    def __init__(self, token: list[Reply], reply: Reply) -> None:
        super().__init__({"/api/token": token})
        self.reply = reply

    def get(self, path: str, default: Any = None) -> Any:
        return super().get(path) or [self.reply]


@pytest.mark.parametrize("kind", SourceKind)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_response_gives_a_result_or_a_named_error(
    server: ScriptedServer, client: SpotifyClient, kind: SourceKind, data: st.DataObject
) -> None:
    document = mutated(copy.deepcopy(DOCUMENT), data, server.api_url)
    server.replies = SameReply(server.replies["/api/token"], Reply(body=json.dumps(document)))
    outcome = crawl_outcome(client, SOURCES[kind])
    assert "\n" not in str(outcome)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    reply=st.builds(
        Reply,
        st.sampled_from([200, 201, 301, 400, 401, 403, 404, 418, 429, 500, 503]),
        st.binary(max_size=40)
        | st.sampled_from([b"{}", b'{"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}']),
        st.fixed_dictionaries({"Retry-After": RETRY_AFTER}),
        st.sampled_from([None, "", "yesterday", DATE, "Mon, 23 Nov 2026 00:00:00 GMT"]),
    )
)
def test_any_status_and_header_gives_a_result_or_a_named_error(
    server: ScriptedServer, scripted_client: ClientMaker, reply: Reply
) -> None:
    server.replies = SameReply(server.replies["/api/token"], reply)
    client = scripted_client()
    outcome = crawl_outcome(client, SOURCES[SourceKind.ALBUM])
    client.close()
    assert "\n" not in str(outcome)
    if isinstance(outcome, CrawlResult) and outcome.deadline is not None and reply.date == DATE:
        observed = datetime(2026, 11, 22, 6, tzinfo=UTC)
        assert timedelta() < outcome.deadline - observed <= RETRY_AFTER_MAX


RECORDED = {
    SourceKind.ARTIST: ("artist_albums", "GetArtistsAlbums", "find_artist"),
    SourceKind.ALBUM: ("album", "GetAlbum", "find_album"),
    SourceKind.TRACK: ("track", "GetTrack", "find_track"),
    SourceKind.PLAYLIST: ("playlist", "GetPlaylist", "get_playlist"),
    SourceKind.SEARCH: ("search", "Search"),
    SourceKind.SAVED_TRACKS: ("user_saved_tracks", "GetUsersSavedTracks", "current_users_tracks"),
    SourceKind.TOP_TRACKS: ("user_top_tracks", "GetUsersTopTracks", "current_users_top_tracks"),
    SourceKind.TOP_ARTISTS: ("GetUsersTopArtists", "current_users_top_artists"),
    SourceKind.FOLLOWED_ARTISTS: ("search_artist",),
    SourceKind.RECENTLY_PLAYED: ("recently_played", "RecentlyPlayed"),
}


def test_every_recorded_response_can_be_crawled_as_any_kind(
    server: ScriptedServer, client: SpotifyClient, reference_data: Path
) -> None:
    files = sorted((reference_data / "recorded").rglob("*.json"))
    assert len(files) > 70
    for path in files:
        body = path.read_bytes()
        # links to Spotify become links to the server, as for a client of Spotify itself
        body = body.replace(b"https://api.spotify.com/v1", server.api_url.encode())
        server.replies = SameReply(server.replies["/api/token"], Reply(body=body))
        for kind, source in SOURCES.items():
            outcome = crawl_outcome(client, source)
            expected = any(part in path.name for part in RECORDED[kind]) and "_and_" not in path.name
            if isinstance(outcome, PipelineError):
                assert "link" in str(outcome) or not expected, (path, kind, outcome)


def test_endpoints_of_a_user_require_a_scope() -> None:
    assert {kind for kind, endpoint in ENDPOINTS.items() if endpoint.scopes} == {
        RequestKind.PLAYLIST,
        RequestKind.PLAYLIST_ITEMS,
        RequestKind.SAVED_TRACKS,
        RequestKind.TOP_TRACKS,
        RequestKind.TOP_ARTISTS,
        RequestKind.FOLLOWED_ARTISTS,
        RequestKind.RECENTLY_PLAYED,
    }
    assert ENDPOINTS[RequestKind.TRACKS].app_classes == {AppClass.EXTENDED}
