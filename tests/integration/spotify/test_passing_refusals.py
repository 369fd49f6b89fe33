"""Tests that refusals which may be temporary are retried, and what they mean if they stay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spotify_pipeline.errors import ApiUnavailable, ConfigurationError, PermissionDenied, RequestRefused
from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import REFUSALS_RETRIED
from spotify_pipeline.spotify.crawl import Missing, StopReason
from spotify_sandbox.testing import RunningSandbox
from tests.integration.spotify.clients import ClientMaker
from tests.integration.spotify.scripted import Reply, ScriptedServer
from tests.integration.spotify.store import Store

pytestmark = pytest.mark.integration
UNAUTHORIZED = {"error": {"status": 401, "message": "Access token missing"}}
PREMIUM = {"error": {"status": 403, "message": "Player command failed: Premium required"}}
NOT_FOUND = {"error": {"status": 404, "message": "Non existing id"}}
FORBIDDEN = {"error": {"status": 403, "message": "Forbidden"}}
LONG = "artist:" + "a" * 300


@pytest.fixture
def artist(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> Source:
    """An artist with more than two pages of releases."""
    with sandbox_client() as client:
        # the artists with the most albums are the first, and every album costs a call
        for artist_id, _ in reversed(sandbox.control.catalog().artists[:12]):
            page = client.get(
                f"/artists/{artist_id}/albums", {"include_groups": "album,single", "limit": "10"}
            )
            if page.document["total"] > 20:
                sandbox.control.reset_calls()
                return Source("a", SourceKind.ARTIST, (artist_id,), ("album", "single"))
    raise AssertionError("no artist has three pages")


def listed_albums(sandbox: RunningSandbox, client: Any, artist: Source) -> list[str]:
    store = Store()
    result = store.crawl(client, artist)
    pages = [json.loads(store.bodies[r]) for r in result.requests if r.kind.value == "artist_albums"]
    return [album["id"] for page in pages for album in page["items"]]


@pytest.mark.parametrize("refused", [UNAUTHORIZED, PREMIUM, NOT_FOUND], ids=["401", "403", "404"])
@pytest.mark.parametrize("times", range(1, REFUSALS_RETRIED + 1))
def test_a_temporary_refusal_has_no_effect_on_the_result(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, artist: Source, refused: Any, times: int
) -> None:
    album = listed_albums(sandbox, sandbox_client(), artist)[1]
    status = refused["error"]["status"]
    path = f"/v1/albums/{album}"
    sandbox.control.add_fault("status", status=status, path=path, body=refused, times=times)
    result = Store().crawl(sandbox_client(), artist)
    assert (result.complete, result.missing) == (True, ())
    assert sandbox.control.faults()[0]["applied"] == times


@pytest.mark.parametrize(("status", "body"), [(401, UNAUTHORIZED), (403, PREMIUM)], ids=["401", "403"])
def test_a_refusal_without_reason_that_stays_is_an_outage(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, artist: Source, status: int, body: Any
) -> None:
    album = listed_albums(sandbox, sandbox_client(), artist)[1]
    sandbox.control.add_fault("status", status=status, path=f"/v1/albums/{album}", body=body, times=None)
    result = Store().crawl(sandbox_client(), artist)
    assert (result.complete, result.stopped_by) == (False, StopReason.OUTAGE)
    assert isinstance(result.outage, ApiUnavailable)
    assert f"/albums/{album}" not in {request.path for request in result.requests}
    assert sandbox.control.faults()[0]["applied"] == 1 + REFUSALS_RETRIED


@pytest.mark.parametrize("status", [400, 403, 409])
def test_one_refused_id_does_not_stop_the_others(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, artist: Source, status: int
) -> None:
    albums = listed_albums(sandbox, sandbox_client(), artist)
    path = f"/v1/albums/{albums[1]}"
    sandbox.control.add_fault("status", status=status, path=path, body=FORBIDDEN, times=None)
    for source, listed in ((artist, True), (Source("b", SourceKind.ALBUM, tuple(albums[:3])), False)):
        result = Store().crawl(sandbox_client(), source)
        assert result.complete
        assert [(m.requested_id, m.listed) for m in result.missing] == [(albums[1], listed)]
        assert f"/albums/{albums[2]}" in {request.path for request in result.requests}


def test_a_forbidden_endpoint_costs_few_calls(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, artist: Source
) -> None:
    albums = listed_albums(sandbox, sandbox_client(), artist)
    assert len(albums) > 20
    sandbox.control.reset_calls()
    sandbox.control.add_fault("status", status=403, path="/v1/albums/", body=FORBIDDEN, times=None)
    with pytest.raises(PermissionDenied, match="Forbidden"):
        Store().crawl(sandbox_client(), artist)
    assert sandbox.control.calls().by_bucket["/v1/albums/{id}"] < 10


def test_a_lapsed_subscription_is_permission_denied(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    sandbox.control.lapse_premium()
    with pytest.raises(PermissionDenied, match="Premium of the app's owner has lapsed"):
        sandbox_client().get("/search", {"q": "a", "type": "track"})


def test_a_listed_album_that_is_not_found_is_missing(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, artist: Source
) -> None:
    album = listed_albums(sandbox, sandbox_client(), artist)[1]
    sandbox.control.add_fault("status", status=404, path=f"/v1/albums/{album}", body=NOT_FOUND, times=None)
    result = Store().crawl(sandbox_client(), artist)
    assert result.complete
    message = f"Spotify has nothing at /albums/{album} (Non existing id): a listing names it"
    (missing,) = result.missing
    assert missing == Missing("album", album, missing.message, listed=True)
    assert missing.message.startswith(message)


@pytest.mark.parametrize("page", ["offset=10", "offset=20", "albums.include"])
def test_a_page_of_a_list_that_is_not_found_is_an_outage(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, artist: Source, page: str
) -> None:
    path = f"^/v1/artists/.*{page}"
    sandbox.control.add_fault("status", status=404, path=path, body=NOT_FOUND, times=None)
    result = Store().crawl(sandbox_client(), artist)
    assert (result.complete, result.stopped_by, result.missing) == (False, StopReason.OUTAGE, ())
    sandbox.control.clear_faults()
    assert Store().crawl(sandbox_client(), artist).complete


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("/v1/me/tracks?limit=50", Source("a", SourceKind.SAVED_TRACKS)),
        ("/v1/me/following?limit=50&type=artist", Source("a", SourceKind.FOLLOWED_ARTISTS)),
        (
            "/v1/me/top/artists?limit=50&time_range=long_term",
            Source("a", SourceKind.TOP_ARTISTS, time_ranges=("long_term",)),
        ),
        ("/v1/me/player/recently-played?limit=50", Source("a", SourceKind.RECENTLY_PLAYED)),
        (
            "/v1/search?limit=10&offset=0&q=jazz&type=track",
            Source("a", SourceKind.SEARCH, queries=("jazz",), types=("track",), max_results=10),
        ),
    ],
    ids=["saved", "followed", "top", "plays", "search"],
)
def test_an_endpoint_that_is_not_found_is_an_outage(
    server: ScriptedServer, scripted_client: ClientMaker, path: str, source: Source, status: int
) -> None:
    server.on(path, Reply(status, NOT_FOUND))
    result = Store().crawl(scripted_client(), source)
    assert (result.stopped_by, result.missing) == (StopReason.OUTAGE, ())
    assert isinstance(result.outage, ApiUnavailable)
    assert server.count(path) == (1 + REFUSALS_RETRIED if status == 404 else 1)


def test_a_resumed_album_that_is_not_found_is_missing(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, artist: Source
) -> None:
    album = listed_albums(sandbox, sandbox_client(), artist)[1]
    path = f"/v1/albums/{album}/tracks"
    sandbox.control.add_fault("status", status=404, path=path, body=NOT_FOUND, times=None)
    begun = {album: 50}
    result = Store().crawl(sandbox_client(), artist, resume_album=lambda entry: begun.get(str(entry["id"])))
    assert (result.complete, result.continued) == (True, (album,))
    assert [(missing.requested_id, missing.listed) for missing in result.missing] == [(album, True)]


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_search_text_does_not_stop_the_others(
    server: ScriptedServer, scripted_client: ClientMaker, status: int
) -> None:
    words = {"error": {"status": status, "message": "Query exceeds maximum length of 250 characters"}}
    server.on(f"/v1/search?limit=10&offset=0&q={LONG.replace(':', '%3A')}&type=track", Reply(status, words))
    found = {"tracks": {"items": [None], "next": None, "total": 1}}
    server.on("/v1/search?limit=10&offset=0&q=jazz&type=track", Reply(body=found))
    source = Source("s", SourceKind.SEARCH, queries=(LONG, "jazz"), types=("track",), max_results=10)
    result = Store().crawl(scripted_client(), source)
    assert (result.complete, result.stopped_by) == (False, StopReason.REFUSED)
    assert [dict(request.params)["q"] for request in result.requests] == ["jazz"]
    (problem,) = result.problems
    assert "of 307 characters is refused" in problem
    assert "250 characters at most" in problem
    alone = Source("s", SourceKind.SEARCH, queries=(LONG,), types=("track",), max_results=10)
    with pytest.raises(RequestRefused, match="of 307 characters is refused"):
        Store().crawl(scripted_client(), alone)


def test_a_search_page_that_is_not_found_is_an_outage(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    found = {"tracks": {"items": [None] * 10, "next": None, "total": 40}}
    server.on("/v1/search?limit=10&offset=0&q=jazz&type=track", Reply(body=found))
    server.on("/v1/search?limit=10&offset=10&q=jazz&type=track", Reply(404, NOT_FOUND))
    source = Source("s", SourceKind.SEARCH, queries=("jazz",), types=("track",), max_results=20)
    result = Store().crawl(scripted_client(), source)
    assert (result.stopped_by, len(result.requests)) == (StopReason.OUTAGE, 1)


def test_the_error_for_a_refused_page_size_names_the_app_class(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    body = {"error": {"status": 400, "message": "Invalid limit"}}
    server.on("/v1/search?limit=10&offset=0&q=jazz&type=track", Reply(400, body))
    source = Source("s", SourceKind.SEARCH, queries=("jazz",), types=("track",), max_results=10)
    with pytest.raises(ConfigurationError, match="set app_class of connection 'spotify_api' to development"):
        Store().crawl(scripted_client(), source)
