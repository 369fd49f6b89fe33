"""Crawls of what belongs to a user, and of single tracks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from spotify_pipeline.errors import PermissionDenied
from spotify_pipeline.settings import Settings
from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.spotify.endpoints import RequestKind, Scope
from spotify_pipeline.spotify.result import unix_ms
from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.spotify.clients import NO_WAITING, ClientMaker, connection
from tests.integration.spotify.logins import MemoryStore, login_of
from tests.integration.spotify.scripted import Reply, ScriptedServer
from tests.integration.spotify.store import Store

pytestmark = pytest.mark.integration
UNKNOWN = "0" * 22
PLAYED = "/v1/me/player/recently-played"


@pytest.fixture
def as_user(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> Callable[[str], SpotifyClient]:
    return lambda user: sandbox_client(login=MemoryStore(login_of(sandbox, user=user)))


UserClient = Callable[[str], SpotifyClient]


def track_ids(sandbox: RunningSandbox, client: SpotifyClient) -> list[str]:
    found = client.get("/search", {"q": "a", "type": "track", "limit": "10"}).document["tracks"]["items"]
    return [track["id"] for track in found]


def test_tracks_are_read_one_by_one_in_development_mode(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    client, store = sandbox_client(), Store()
    ids = [*track_ids(sandbox, client)[:3], UNKNOWN]
    result = store.crawl(client, Source("t", SourceKind.TRACK, tuple(ids)))
    assert result.complete
    assert [request.requested_id for request in result.requests] == ids[:3]
    assert [missing.requested_id for missing in result.missing] == [UNKNOWN]
    assert result.calls == 4


def test_tracks_are_read_fifty_a_call_in_extended_mode() -> None:
    with running(mode="extended", size=300, seed=7) as sandbox:
        known = connection(
            sandbox.api_url,
            sandbox.accounts_url,
            "extended",
            login=sandbox.client_id,
            password=sandbox.client_secret,
        )
        with SpotifyClient.from_connection(known, Settings(), retries=NO_WAITING) as client:
            page = client.get("/search", {"q": "a", "type": "track", "limit": "50"}).document["tracks"]
            good = [track["id"] for track in page["items"]]
            ids = (*good, UNKNOWN, *(f"{number:0>22}" for number in range(1, 10)))
            store = Store()
            result = store.crawl(client, Source("t", SourceKind.TRACK, ids))
            assert result.complete
            assert [request.kind for request in result.requests] == [RequestKind.TRACKS] * 2
            assert result.calls == 2
            documents = [json.loads(store.bodies[request])["tracks"] for request in result.requests]
            assert [track["id"] for tracks in documents for track in tracks if track] == good
            assert [missing.requested_id for missing in result.missing] == list(ids[50:])
            # an id that Spotify cannot read spoils the answer for the others, which are then read one by one
            body = {"error": {"status": 400, "message": "Invalid base62 id"}}
            sandbox.control.add_fault("status", status=400, path=r"/v1/tracks\?ids", body=body)
            result = Store().crawl(client, Source("t", SourceKind.TRACK, (*good[:2], UNKNOWN)))
            assert [request.requested_id for request in result.requests] == good[:2]
            assert [missing.requested_id for missing in result.missing] == [UNKNOWN]


def test_saved_tracks_are_read_to_their_end(sandbox: RunningSandbox, as_user: UserClient) -> None:
    store = Store()
    result = store.crawl(as_user("listener1"), Source("mine", SourceKind.SAVED_TRACKS))
    assert result.complete
    total = json.loads(store.bodies[result.requests[0]])["total"]
    assert total > 50
    saved = [item["track"]["id"] for item in store.items(result)]
    assert len(saved) == len(set(saved)) == total
    assert result.calls == -(-total // 50)


def test_top_tracks_are_read_for_each_range(sandbox: RunningSandbox, as_user: UserClient) -> None:
    store, ranges = Store(), ("short_term", "long_term")
    result = store.crawl(as_user("listener1"), Source("top", SourceKind.TOP_TRACKS, time_ranges=ranges))
    assert result.complete
    asked = [dict(request.params) for request in result.requests]
    assert [params["time_range"] for params in asked] == ["short_term"] * 2 + ["long_term"] * 2
    assert len(store.items(result)) == 2 * 60


def test_playlists_of_others_are_listed_as_missing(sandbox: RunningSandbox, as_user: UserClient) -> None:
    playlists = sandbox.control.playlists()
    own = [p["id"] for p in playlists if p["owner"] == "listener1"]
    foreign = next(p["id"] for p in playlists if p["owner"] != "listener1" and p["public"])
    store = Store()
    source = Source("lists", SourceKind.PLAYLIST, (*own, foreign, UNKNOWN))
    result = store.crawl(as_user("listener1"), source)
    assert result.complete
    assert {missing.requested_id for missing in result.missing} == {foreign, UNKNOWN}
    for playlist in own:
        requests = [request for request in result.requests if request.requested_id == playlist]
        assert requests[0].kind is RequestKind.PLAYLIST
        head = json.loads(store.bodies[requests[0]])
        assert head["id"] == playlist
        assert head["snapshot_id"]
        pages = [json.loads(store.bodies[request]) for request in requests[1:]]
        assert sum(len(page["items"]) for page in pages) == pages[0]["total"]
    with pytest.raises(PermissionDenied, match=foreign):
        Store().crawl(as_user("listener1"), Source("lists", SourceKind.PLAYLIST, (foreign,)))


def test_plays_go_on_from_the_cursor(sandbox: RunningSandbox, as_user: UserClient) -> None:
    client, source = as_user("listener1"), Source("plays", SourceKind.RECENTLY_PLAYED)
    sandbox.control.set_clock("2026-11-22T12:00:00Z")
    first = Store().crawl(client, source)
    assert first.plays is not None
    assert (first.complete, first.plays.count, first.plays.possible_gap) == (True, 50, False)
    assert first.plays.newest is not None
    assert first.plays.cursor_ms == unix_ms(first.plays.newest)
    sandbox.control.set_clock("2026-11-22T22:00:00Z")
    store = Store()
    then = store.crawl(client, source, after_ms=first.plays.cursor_ms)
    assert then.plays is not None
    times = [datetime.fromisoformat(item["played_at"]) for item in store.items(then)]
    assert 0 < then.plays.count == len(times) < 50
    assert min(times) > first.plays.newest
    assert (then.plays.possible_gap, then.plays.newest) == (False, max(times))
    nothing = Store().crawl(client, source, after_ms=then.plays.cursor_ms)
    assert nothing.plays is not None
    assert (nothing.complete, nothing.plays.count, nothing.plays.cursor_ms) == (True, 0, None)


def test_more_plays_than_spotify_keeps_are_a_possible_gap(
    sandbox: RunningSandbox, as_user: UserClient
) -> None:
    client, source = as_user("listener2"), Source("plays", SourceKind.RECENTLY_PLAYED)
    yesterday = unix_ms(datetime(2026, 11, 20, 12, tzinfo=UTC))
    result = Store().crawl(client, source, after_ms=yesterday)
    assert result.plays is not None
    assert (result.plays.count, result.plays.possible_gap) == (50, True)


FULL = [{"played_at": f"2026-11-22T04:{minute:02}:00.000Z"} for minute in reversed(range(50))]
OLDER = [{"played_at": "2026-11-21T04:00:00Z"}, None, {"played_at": 7}]


@pytest.mark.parametrize(
    ("after", "further", "gap"),
    [
        (None, None, False),
        (None, OLDER, False),
        ("2026-11-22T03:59:59.999+00:00", None, True),
        ("2026-11-22T03:59:59.999+00:00", [], True),
        # the history reaches back past the last known play, so none can be lost in between
        ("2026-11-22T03:59:59.999+00:00", OLDER, False),
        ("2026-11-22T04:00:00+00:00", OLDER, False),
    ],
)
def test_a_full_page_is_a_gap_only_if_all_of_it_is_new(
    server: ScriptedServer,
    scripted_client: ClientMaker,
    after: str | None,
    further: list[object] | None,
    gap: bool,
) -> None:
    after_ms = None if after is None else unix_ms(datetime.fromisoformat(after))
    query = "?limit=50" if after_ms is None else f"?after={after_ms}&limit=50"
    link = f"{server.api_url}/me/player/recently-played?before=7&limit=50"
    server.on(PLAYED + query, Reply(body={"items": FULL, "next": None if further is None else link}))
    server.on(PLAYED + "?before=7&limit=50", Reply(body={"items": further, "next": None}))
    source = Source("plays", SourceKind.RECENTLY_PLAYED)
    result = Store().crawl(scripted_client(), source, after_ms=after_ms)
    assert result.complete
    assert result.plays is not None
    assert result.plays.possible_gap == gap


def test_a_history_without_end_is_read_to_the_cursor(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    link = f"{server.api_url}/me/player/recently-played?before=7&limit=50"
    after_ms = unix_ms(datetime(2026, 11, 22, 4, 30, tzinfo=UTC))
    server.on(f"{PLAYED}?after={after_ms}&limit=50", Reply(body={"items": FULL, "next": link}))
    result = Store().crawl(scripted_client(), Source("p", SourceKind.RECENTLY_PLAYED), after_ms=after_ms)
    assert (result.complete, result.calls) == (True, 1)


def test_a_login_without_the_scope_ends_the_crawl(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    client = sandbox_client(login=MemoryStore(login_of(sandbox, scopes=(Scope.TOP,))))
    with pytest.raises(PermissionDenied):
        Store().crawl(client, Source("mine", SourceKind.SAVED_TRACKS))
    assert sandbox.control.calls().api_total == 1
