"""Tests of lists whose pages repeat, overlap, are shorter than requested, or lead elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.crawl import StopReason
from spotify_sandbox.testing import RunningSandbox
from tests.integration.spotify.clients import ClientMaker
from tests.integration.spotify.logins import MemoryStore, login_of
from tests.integration.spotify.scripted import Reply, ScriptedServer
from tests.integration.spotify.store import Store

pytestmark = pytest.mark.integration
LIBRARY = Source("mine", SourceKind.SAVED_TRACKS)
TOP = Source("top", SourceKind.TOP_TRACKS, time_ranges=("short_term",), max_results=100)
SEARCH = Source("jazz", SourceKind.SEARCH, queries=("a",), types=("track",), max_results=50)
ENTRIES: list[Any] = [{"added_at": None, "track": {"id": f"{number:022}"}} for number in range(120)]
Change = Callable[[dict[str, Any]], dict[str, Any]]
SECOND = "/v1/me/tracks?limit=50&offset=50"


@pytest.fixture
def user(scripted_user: Callable[[MemoryStore], SpotifyClient], sandbox: RunningSandbox) -> SpotifyClient:
    return scripted_user(MemoryStore(login_of(sandbox)))


def page_of(server: ScriptedServer, path: str, *, largest: int = 50) -> dict[str, Any]:
    """Return the page of `ENTRIES` for a path; the server returns at most `largest` entries."""
    parts = urlsplit(path)
    query = dict(parse_qsl(parts.query))
    offset, limit = int(query.get("offset", 0)), min(int(query["limit"]), largest)
    query |= {"offset": str(offset + limit), "limit": str(limit)}
    more = offset + limit < len(ENTRIES)
    return {
        "items": ENTRIES[offset : offset + limit],
        "next": f"{server.url}{parts.path}?{urlencode(query)}" if more else None,
        "offset": offset,
        "limit": limit,
        "total": len(ENTRIES),
    }


def script_library(server: ScriptedServer) -> None:
    for path in ("/v1/me/tracks?limit=50", SECOND, "/v1/me/tracks?limit=50&offset=100"):
        server.on(path, Reply(body=page_of(server, path)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"items": ENTRIES[:50]}, "a page repeats entries of another"),
        ({"items": ENTRIES[45:95]}, "a page repeats entries of another"),
        ({"items": ENTRIES[:50], "offset": 0}, "a page states another offset"),
        ({"items": ENTRIES[50:60]}, "80 entries were read of the 120"),
        ({"next": "offset=50"}, "form a loop"),
    ],
)
def test_a_wrong_page_is_read_again(
    server: ScriptedServer, user: SpotifyClient, change: dict[str, Any], reason: str
) -> None:
    script_library(server)
    right = page_of(server, SECOND)
    wrong = right | change
    if change.get("next"):
        wrong["next"] = f"{server.url}{SECOND}"
    store = Store()
    server.on(SECOND, Reply(body=wrong))
    result = store.crawl(user, LIBRARY)
    assert not result.complete
    assert reason in str(result.message)
    assert server.count(SECOND) == 2
    # a later attempt of the same day completes the list
    server.on(SECOND, Reply(body=right))
    repaired = store.crawl(user, LIBRARY)
    assert (repaired.complete, store.items(repaired)) == (True, ENTRIES)
    # once wrong and then right: no attempt is lost
    server.on(SECOND, Reply(body=wrong), Reply(body=right))
    fresh = Store()
    result = fresh.crawl(user, LIBRARY)
    assert (result.complete, result.calls, fresh.items(result)) == (True, 4, ENTRIES)


def test_equal_entries_of_a_top_list_are_no_fault(server: ScriptedServer, user: SpotifyClient) -> None:
    first = "/v1/me/top/tracks?limit=50&time_range=short_term"
    second = "/v1/me/top/tracks?limit=50&offset=50&time_range=short_term"
    server.on(first, Reply(body=page_of(server, first)))
    repeated = [ENTRIES[3], *ENTRIES[51:100]]
    server.on(second, Reply(body=page_of(server, second) | {"items": repeated}))
    store = Store()
    result = store.crawl(user, TOP)
    assert (result.complete, result.calls) == (True, 2)
    server.on(second, Reply(body=page_of(server, second) | {"items": ENTRIES[:50]}))
    result = Store().crawl(user, TOP)
    assert (result.complete, result.stopped_by) == (False, StopReason.CONTRADICTED)


def test_a_top_list_of_small_pages_is_read_whole(server: ScriptedServer, user: SpotifyClient) -> None:
    for offset, limit in ((0, 50), (20, 50), (40, 50), (60, 40), (80, 20)):
        query = {"limit": limit} | ({"offset": offset} if offset else {}) | {"time_range": "short_term"}
        path = f"/v1/me/top/tracks?{urlencode(query)}"
        server.on(path, Reply(body=page_of(server, path, largest=20)))
    store = Store()
    result = store.crawl(user, TOP)
    assert (result.complete, store.items(result)) == (True, ENTRIES[:100])


def test_a_search_of_small_pages_skips_no_record(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    for offset in range(0, 50, 5):
        limit = min(10, 50 - offset)
        path = f"/v1/search?limit={limit}&offset={offset}&q=a&type=track"
        server.on(path, Reply(body={"tracks": page_of(server, path, largest=5)}))
    store = Store()
    result = store.crawl(scripted_client(), SEARCH)
    assert result.complete
    assert [int(parse_qs(urlencode(r.params))["offset"][0]) for r in result.requests] == [*range(0, 50, 5)]


@pytest.mark.parametrize(("empty", "calls"), [((10,), 6), ((10, 20), 5)])
def test_a_search_goes_on_after_one_empty_page(
    server: ScriptedServer, scripted_client: ClientMaker, empty: tuple[int, ...], calls: int
) -> None:
    for offset in range(0, 50, 10):
        path = f"/v1/search?limit=10&offset={offset}&q=a&type=track"
        page = page_of(server, path) | ({"items": []} if offset in empty else {})
        server.on(path, Reply(body={"tracks": page}))
    result = Store().crawl(scripted_client(), SEARCH)
    # an empty page is read twice; after two empty pages the search ends
    assert (result.complete, result.calls) == (True, calls)


def test_an_empty_link_ends_a_search(server: ScriptedServer, scripted_client: ClientMaker) -> None:
    path = "/v1/search?limit=10&offset=0&q=a&type=track"
    server.on(path, Reply(body={"tracks": {"items": ENTRIES[:3], "next": "", "total": 3}}))
    assert Store().crawl(scripted_client(), SEARCH).complete
