"""Tests that a list whose `total` contradicts its end is read again, and is partial if that does not help."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.crawl import CrawlResult, StopReason
from spotify_pipeline.spotify.endpoints import RequestKind
from spotify_pipeline.spotify.playlist_walk import PLAYLIST_FIELDS
from spotify_sandbox.testing import RunningSandbox
from tests.integration.spotify.clients import ClientMaker
from tests.integration.spotify.logins import MemoryStore, login_of
from tests.integration.spotify.scripted import Reply, ScriptedServer
from tests.integration.spotify.store import Store

pytestmark = pytest.mark.integration
PLAYLIST = "p" * 22
LIBRARY = Source("mine", SourceKind.SAVED_TRACKS)
SEARCH = Source("jazz", SourceKind.SEARCH, queries=("a",), types=("track",), max_results=100)
ARTIST = "1TnOYISbd1XYRBk9myasea"


@pytest.fixture
def user(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> SpotifyClient:
    return sandbox_client(login=MemoryStore(login_of(sandbox)))


@pytest.fixture
def all_entries(sandbox: RunningSandbox, user: SpotifyClient) -> list[Any]:
    """The library's entries, read without a fault."""
    store = Store()
    entries = store.items(store.crawl(user, LIBRARY))
    assert len(entries) > 100
    sandbox.control.reset_calls()
    return entries


def test_an_empty_page_within_a_list_is_read_again(
    sandbox: RunningSandbox, user: SpotifyClient, all_entries: list[Any]
) -> None:
    sandbox.control.add_fault("empty_page", path="me/tracks.*offset=50")
    store = Store()
    result = store.crawl(user, LIBRARY)
    assert result.complete
    assert store.items(result) == all_entries
    assert sandbox.control.calls().by_bucket["/v1/me/tracks"] == len(result.requests) + 1


def test_a_list_that_stays_short_is_partial(
    sandbox: RunningSandbox, user: SpotifyClient, all_entries: list[Any]
) -> None:
    sandbox.control.add_fault("empty_page", path="me/tracks.*offset=50", times=None)
    store = Store()
    result = store.crawl(user, LIBRARY)
    assert (result.complete, result.stopped_by) == (False, StopReason.CONTRADICTED)
    assert "may not be complete: a page is blank" in str(result.message)
    assert store.items(result) == all_entries[:50]
    assert result.calls == 3


@pytest.mark.parametrize("offset", [0, 50])
def test_a_missing_next_before_the_total_does_not_end_the_list(
    sandbox: RunningSandbox, user: SpotifyClient, all_entries: list[Any], offset: int
) -> None:
    path = "me/tracks" if offset == 0 else f"me/tracks.*offset={offset}"
    sandbox.control.add_fault("no_next", path=path)
    store = Store()
    assert store.items(store.crawl(user, LIBRARY)) == all_entries
    sandbox.control.add_fault("no_next", path=path, times=None)
    result = Store().crawl(user, LIBRARY)
    assert not result.complete
    assert f"{offset + 50} entries were read of the {len(all_entries)}" in str(result.message)


def test_an_empty_list_is_complete_and_a_blank_page_is_not(
    server: ScriptedServer, scripted_user: Callable[[MemoryStore], SpotifyClient], sandbox: RunningSandbox
) -> None:
    client = scripted_user(MemoryStore(login_of(sandbox)))
    path = "/v1/me/tracks?limit=50"
    page: dict[str, Any] = {"items": [], "next": None, "limit": 50, "offset": 0, "total": 0}
    server.on(path, Reply(body=page))
    assert Store().crawl(client, LIBRARY).complete
    server.on(path, Reply(body=page | {"limit": 0}))
    assert not Store().crawl(client, LIBRARY).complete


def test_a_list_edited_between_two_pages_is_read_again(
    sandbox: RunningSandbox, user: SpotifyClient, all_entries: list[Any]
) -> None:
    sandbox.control.add_fault("total", path="me/tracks.limit=50$", change=1)
    store = Store()
    result = store.crawl(user, LIBRARY)
    assert result.complete
    assert store.items(result) == all_entries
    assert len({request.reading for request in result.requests} - {1}) == 1
    # two pages of the first reading, then the whole list again
    assert result.calls == 2 + len(result.requests)


def test_a_list_edited_in_every_reading_is_partial(
    sandbox: RunningSandbox, user: SpotifyClient, all_entries: list[Any]
) -> None:
    sandbox.control.add_fault("total", path="me/tracks.limit=50$", change=1, times=None)
    store = Store()
    result = store.crawl(user, LIBRARY)
    assert not result.complete
    assert "its total changed while it was read" in str(result.message)
    assert store.items(result) == all_entries


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        # only the page that ended the list and the pages after it are read again
        ({"kind": "empty_page", "path": "me/tracks.*offset=100"}, 1),
        ({"kind": "no_next", "path": "me/tracks.limit=50$"}, 3),
        ({"kind": "status", "path": "offset=50", "status": 200, "body": {"items": None}}, 2),
        # a list that was changed during the reading is read again as a whole
        ({"kind": "total", "path": "me/tracks.limit=50$", "change": 1}, 3),
    ],
)
def test_a_later_attempt_completes_a_partial_list(
    sandbox: RunningSandbox, user: SpotifyClient, all_entries: list[Any], fault: dict[str, Any], calls: int
) -> None:
    sandbox.control.add_fault(times=None, **fault)
    store = Store()
    assert not store.crawl(user, LIBRARY).complete
    # while the fault lasts, another attempt is partial too
    again = store.crawl(user, LIBRARY)
    assert not again.complete
    assert again.calls > 0
    sandbox.control.clear_faults()
    repaired = store.crawl(user, LIBRARY)
    assert (repaired.complete, store.items(repaired)) == (True, all_entries)
    assert repaired.calls == calls
    finished = store.crawl(user, LIBRARY)
    assert (finished.calls, finished.requests) == (0, repaired.requests)


def test_a_second_attempt_repeats_no_call(
    sandbox: RunningSandbox, user: SpotifyClient, all_entries: list[Any]
) -> None:
    sandbox.control.add_fault("total", path="me/tracks.limit=50$", change=1)
    store = Store()
    first = store.crawl(user, LIBRARY)
    again = store.crawl(user, LIBRARY)
    assert (again.calls, again.complete, again.requests) == (0, True, first.requests)


def test_a_list_with_endless_next_links_ends_at_its_total(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    artist = sandbox.control.catalog().artists[0][0]
    source = Source("a", SourceKind.ARTIST, (artist,), ("album", "single"))
    expected = Store().crawl(sandbox_client(), source)
    sandbox.control.add_fault("endless_next", path="/albums|/tracks", times=None)
    result = Store().crawl(sandbox_client(), source)
    assert result.complete
    albums = {request.path for request in expected.requests if request.kind is RequestKind.ALBUM}
    assert {request.path for request in result.requests if request.kind is RequestKind.ALBUM} == albums
    listings = [request for request in result.requests if request.kind is RequestKind.ARTIST_ALBUMS]
    assert len(listings) <= 1 + -(-len(albums) // 10)


@pytest.mark.parametrize("past_end", ["repeated", "null", "growing"])
def test_pages_after_the_end_cost_few_calls(
    server: ScriptedServer,
    scripted_user: Callable[[MemoryStore], SpotifyClient],
    sandbox: RunningSandbox,
    past_end: str,
) -> None:
    entries: list[Any] = [{"added_at": None, "track": {"id": f"{number:022}"}} for number in range(70)]
    for offset in range(0, 3000, 50):
        items = entries[offset : offset + 50]
        if past_end == "repeated" or not items:
            items = items or ([None] * 50 if past_end == "null" else entries[50:])
        total = offset + 60 if past_end == "growing" else 70
        link = f"{server.api_url}/me/tracks?limit=50&offset={offset + 50}"
        page = {"items": items, "next": link, "total": total, "limit": 50, "offset": offset}
        server.on(f"/v1/me/tracks?limit=50{f'&offset={offset}' if offset else ''}", Reply(body=page))
    store = Store()
    result = store.crawl(scripted_user(MemoryStore(login_of(sandbox))), LIBRARY)
    if past_end == "growing":
        assert "have no end" in str(result.message)
        assert result.calls < 30
    else:
        assert (result.complete, result.calls) == (True, 3)
        assert store.items(result) == entries


def test_a_list_of_empty_pages_without_a_total_ends(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    path = f"/artists/{ARTIST}/albums"
    first = f"/v1{path}?include_groups=album&limit=10"
    server.on(f"/v1/artists/{ARTIST}", Reply(body={"id": ARTIST}))
    for number in range(5):
        link = f"{server.api_url}{path}?offset={10 * number + 10}"
        name = first if number == 0 else f"/v1{path}?offset={10 * number}"
        server.on(name, Reply(body={"items": [None] if number < 2 else [], "next": link}))
    result = Store().crawl(scripted_client(), Source("a", SourceKind.ARTIST, (ARTIST,), ("album",)))
    assert result.complete
    assert result.calls == 1 + 4


def test_a_search_continues_after_a_missing_next(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    expected, store = Store(), Store()
    client = sandbox_client()
    plain = expected.crawl(client, SEARCH)
    sandbox.control.add_fault("no_next", path="/v1/search", times=None)
    result = store.crawl(client, SEARCH)
    assert result.complete
    assert result.requests == plain.requests
    assert len(result.requests) == 10


def test_a_search_ends_at_a_page_that_is_not_full(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    tracks = {"items": [None] * 7, "next": None, "total": 4000}
    server.on("/v1/search?limit=10&offset=0&q=a&type=track", Reply(body={"tracks": tracks}))
    result = Store().crawl(scripted_client(), SEARCH)
    assert (result.complete, result.calls) == (True, 1)


def test_an_empty_search_page_is_read_once_more(server: ScriptedServer, scripted_client: ClientMaker) -> None:
    def pages(*numbers: int) -> list[Reply]:
        total = {"next": None, "total": 15}
        return [Reply(body={"tracks": {"items": [None] * number, **total}}) for number in numbers]

    server.on("/v1/search?limit=10&offset=0&q=a&type=track", *pages(0, 10))
    server.on("/v1/search?limit=10&offset=10&q=a&type=track", *pages(5))
    store = Store()
    result = store.crawl(scripted_client(), SEARCH)
    assert (result.complete, result.calls) == (True, 3)
    bodies = [json.loads(store.bodies[request]) for request in result.requests]
    assert [len(body["tracks"]["items"]) for body in bodies] == [10, 5]


class EditedPlaylist:
    """A playlist of two pages; each request for its head returns the next of `snapshots`."""

    def __init__(self, server: ScriptedServer, *snapshots: str) -> None:
        self._server = server
        self.items = f"/v1/playlists/{PLAYLIST}/items?additional_types=episode%2Ctrack&limit=50"
        self.head = f"/v1/playlists/{PLAYLIST}?fields={quote(PLAYLIST_FIELDS)}"
        heads = [{"id": PLAYLIST, "name": "Ours", "snapshot_id": snapshot} for snapshot in snapshots]
        server.on(self.head, *(Reply(body=head) for head in heads))

    def script_readings(self, *readings: str) -> None:
        """Script the entries of each reading, given as one letter per entry; a page has fifty."""
        for offset in (0, 50):
            suffix = f"&offset={offset}" if offset else ""
            link = None if offset else f"{self._server.api_url}{self.items.removeprefix('/v1')}&offset=50"
            pages = (
                {
                    "items": [self.entry(name) for name in reading[offset : offset + 50]],
                    "next": link,
                    "total": 52,
                    "offset": offset,
                }
                for reading in readings
            )
            self._server.on(self.items + suffix, *(Reply(body=page) for page in pages))

    @staticmethod
    def entry(name: str) -> dict[str, Any]:
        return {"added_at": "2026-01-01T00:00:00Z", "item": {"type": "track", "uri": f"spotify:track:{name}"}}


SOURCE = Source("ours", SourceKind.PLAYLIST, (PLAYLIST,))
BEFORE = string.ascii_letters
AFTER = BEFORE[1:] + "0"


def names(store: Store, result: CrawlResult) -> str:
    return "".join(item["item"]["uri"][-1] for item in store.items(result))


def test_a_playlist_edited_without_a_new_total_is_read_again(
    server: ScriptedServer, scripted_user: Callable[[MemoryStore], SpotifyClient], sandbox: RunningSandbox
) -> None:
    playlist = EditedPlaylist(server, "one", "two")
    # between the pages the first entry is removed and one is appended, so the 51st is on neither page
    playlist.script_readings(BEFORE[:50] + AFTER[50:], AFTER)
    client, store = scripted_user(MemoryStore(login_of(sandbox))), Store()
    result = store.crawl(client, SOURCE)
    assert (result.complete, names(store, result)) == (True, AFTER)
    heads = [request for request in result.requests if request.kind is RequestKind.PLAYLIST]
    assert [json.loads(store.bodies[head])["snapshot_id"] for head in heads] == ["two"]
    assert result.calls == 1 + 2 + 1 + 2 + 1
    again = store.crawl(client, SOURCE)
    assert (again.calls, again.complete, again.requests) == (0, True, result.requests)


def test_a_new_snapshot_id_with_equal_entries_is_no_edit(
    server: ScriptedServer, scripted_user: Callable[[MemoryStore], SpotifyClient], sandbox: RunningSandbox
) -> None:
    EditedPlaylist(server, "one", "two", "three").script_readings(BEFORE)
    store = Store()
    result = store.crawl(scripted_user(MemoryStore(login_of(sandbox))), SOURCE)
    assert (result.complete, names(store, result)) == (True, BEFORE)


def test_a_playlist_edited_in_every_reading_is_partial(
    server: ScriptedServer, scripted_user: Callable[[MemoryStore], SpotifyClient], sandbox: RunningSandbox
) -> None:
    playlist = EditedPlaylist(server, "one", "two", "three")
    playlist.script_readings(BEFORE, AFTER, AFTER[::-1])
    client, store = scripted_user(MemoryStore(login_of(sandbox))), Store()
    result = store.crawl(client, SOURCE)
    assert (result.complete, result.stopped_by) == (False, StopReason.CONTRADICTED)
    assert "it was edited while it was read" in str(result.message)
    # both heads are kept, so that validation does not count the list as complete
    kinds = [request.kind for request in result.requests]
    assert kinds == [RequestKind.PLAYLIST, *[RequestKind.PLAYLIST_ITEMS] * 2, RequestKind.PLAYLIST]
    repaired = store.crawl(client, SOURCE)
    assert (repaired.complete, names(store, repaired), repaired.calls) == (True, AFTER[::-1], 3)
