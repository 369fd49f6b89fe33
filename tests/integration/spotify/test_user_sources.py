"""Tests of crawls of a user's lists and plays, and of single tracks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from spotify_pipeline.errors import PermissionDenied
from spotify_pipeline.settings import Settings
from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import REFUSALS_RETRIED, SpotifyClient
from spotify_pipeline.spotify.endpoints import RequestKind, Scope
from spotify_pipeline.spotify.result import StopReason, unix_ms
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
    assert result.calls == 4 + REFUSALS_RETRIED


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
            # if Spotify refuses all ids because of one, they are read one by one
            body = {"error": {"status": 400, "message": "Invalid base62 id"}}
            sandbox.control.add_fault("status", status=400, path=r"/v1/tracks\?ids", body=body)
            result = Store().crawl(client, Source("t", SourceKind.TRACK, (*good[:2], UNKNOWN)))
            assert [request.requested_id for request in result.requests] == good[:2]
            assert [missing.requested_id for missing in result.missing] == [UNKNOWN]


def test_saved_tracks_are_read_completely(sandbox: RunningSandbox, as_user: UserClient) -> None:
    store = Store()
    result = store.crawl(as_user("listener1"), Source("mine", SourceKind.SAVED_TRACKS))
    assert result.complete
    total = json.loads(store.bodies[result.requests[0]])["total"]
    assert total > 50
    saved = [item["track"]["id"] for item in store.items(result)]
    assert len(saved) == len(set(saved)) == total
    assert result.calls == -(-total // 50)


@pytest.mark.parametrize(
    ("wanted", "limits"), [(0, [50]), (7, [7]), (50, [50]), (55, [50, 5]), (90, [50, 40])]
)
def test_top_tracks_are_read_up_to_max_results(
    sandbox: RunningSandbox, as_user: UserClient, wanted: int, limits: list[int]
) -> None:
    store, ranges = Store(), ("short_term", "long_term")
    source = Source("top", SourceKind.TOP_TRACKS, time_ranges=ranges, max_results=wanted)
    result = store.crawl(as_user("listener1"), source)
    assert result.complete
    parameters = [dict(request.params) for request in result.requests]
    assert [params["time_range"] for params in parameters] == [name for name in ranges for _ in limits]
    assert [int(params["limit"]) for params in parameters] == limits * 2
    # the user has 60
    assert len(store.items(result)) == 2 * min(60, sum(limits))


def test_top_tracks_that_stay_short_are_partial(sandbox: RunningSandbox, as_user: UserClient) -> None:
    source = Source("top", SourceKind.TOP_TRACKS, time_ranges=("long_term",), max_results=60)
    sandbox.control.add_fault("no_next", path="top/tracks.limit=50")
    assert Store().crawl(as_user("listener1"), source).complete
    sandbox.control.add_fault("no_next", path="top/tracks.limit=50", times=None)
    result = Store().crawl(as_user("listener1"), source)
    assert "50 entries were read of the 60" in str(result.message)


def test_top_artists_are_read_by_range(sandbox: RunningSandbox, as_user: UserClient) -> None:
    store, ranges = Store(), ("short_term", "long_term")
    source = Source("top", SourceKind.TOP_ARTISTS, time_ranges=ranges, max_results=5)
    result = store.crawl(as_user("listener1"), source)
    assert (result.complete, result.calls) == (True, 2)
    assert {item["type"] for item in store.items(result)} == {"artist"}
    assert len(store.items(result)) == 10


def test_followed_artists_are_read_by_cursor(server: ScriptedServer, scripted_client: ClientMaker) -> None:
    source, first, second = Source("mine", SourceKind.FOLLOWED_ARTISTS), f"{49:022}", f"{99:022}"

    def script_page(after: str, numbers: range, following: str | None) -> None:
        items = [{"id": f"{number:022}", "name": str(number)} for number in numbers]
        link = f"{server.api_url}/me/following?type=artist&after={following}&limit=50" if following else None
        page = {"items": items, "next": link, "cursors": {"after": following}, "total": 110, "limit": 50}
        server.on(f"/v1/me/following?{after}limit=50&type=artist", Reply(body={"artists": page}))

    script_page("", range(50), first)
    script_page(f"after={first}&", range(50, 100), second)
    script_page(f"after={second}&", range(100, 110), None)
    result = Store().crawl(scripted_client(), source)
    assert (result.complete, result.calls) == (True, 3)
    # a second page that ends the list too early is read again, and the list is partial
    script_page(f"after={first}&", range(50, 100), None)
    result = Store().crawl(scripted_client(), source)
    assert (result.stopped_by, result.calls) == (StopReason.CONTRADICTED, 3)
    assert "100 entries were read of the 110" in str(result.message)


def test_the_message_for_a_playlist_of_spotify_explains_it(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    own = "37i9dQZF1DXcBWIGoYBM5M"
    result = Store().crawl(scripted_client(), Source("p", SourceKind.PLAYLIST, (own,)))
    assert "cannot read Spotify's own playlists since November 2024" in result.missing[0].message


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


def test_plays_are_read_from_the_cursor_on(sandbox: RunningSandbox, as_user: UserClient) -> None:
    client, source = as_user("listener1"), Source("plays", SourceKind.RECENTLY_PLAYED)
    sandbox.control.set_clock("2026-11-22T12:00:00Z")
    first = Store().crawl(client, source)
    assert first.plays is not None
    assert (first.complete, first.plays.count, first.plays.possible_gap) == (True, 50, False)
    assert first.plays.newest is not None
    assert first.plays.cursor_ms == unix_ms(first.plays.newest)
    sandbox.control.set_clock("2026-11-22T13:00:00Z")
    store = Store()
    then = store.crawl(client, source, after_ms=first.plays.cursor_ms)
    assert then.plays is not None
    assert then.plays.newest is not None
    times = [datetime.fromisoformat(item["played_at"]) for item in store.items(then)]
    assert (then.plays.count, then.plays.possible_gap, then.plays.newest) == (50, False, max(times))
    assert first.plays.newest in times
    assert then.plays.newest > first.plays.newest


def test_plays_that_a_device_reports_late_are_read(sandbox: RunningSandbox, as_user: UserClient) -> None:
    client, source = as_user("listener2"), Source("plays", SourceKind.RECENTLY_PLAYED)
    sandbox.control.set_clock("2026-11-22T22:00:00Z")
    sandbox.control.add_fault("late_plays", path="recently-played", seconds=4 * 3600)
    early, late = Store(), Store()
    first = early.crawl(client, source)
    assert first.plays is not None
    then = late.crawl(client, source, after_ms=first.plays.cursor_ms)
    held = {item["played_at"] for item in early.items(first)}
    reported = {item["played_at"] for item in late.items(then)}
    assert held < reported
    assert then.plays is not None
    assert (then.plays.possible_gap, then.plays.newest) == (False, first.plays.newest)


def test_more_plays_than_spotify_keeps_are_a_possible_gap(
    sandbox: RunningSandbox, as_user: UserClient
) -> None:
    client, source = as_user("listener2"), Source("plays", SourceKind.RECENTLY_PLAYED)
    yesterday = unix_ms(datetime(2026, 11, 20, 12, tzinfo=UTC))
    result = Store().crawl(client, source, after_ms=yesterday)
    assert result.plays is not None
    assert (result.plays.count, result.plays.possible_gap) == (50, True)


@pytest.mark.parametrize("plays", [50, 43, 1])
@pytest.mark.parametrize(
    ("known", "gap"),
    [
        (None, False),
        ("2026-11-21T20:00:00+00:00", True),
        ("2026-11-22T02:11:59.999+00:00", True),
        ("2026-11-22T02:12:00+00:00", False),
        ("2026-11-22T02:30:00+00:00", False),
    ],
)
def test_a_history_without_the_last_known_play_is_a_gap(
    server: ScriptedServer, scripted_client: ClientMaker, known: str | None, gap: bool, plays: int
) -> None:
    minutes = reversed(range(12, 12 + plays))
    items = [{"played_at": f"2026-11-22T{2 + m // 60:02}:{m % 60:02}:00.000Z"} for m in minutes]
    link = f"{server.api_url}/me/player/recently-played?before=7&limit=50"
    server.on(PLAYED + "?limit=50", Reply(body={"items": [*items, None, {"played_at": 7}], "next": link}))
    after_ms = None if known is None else unix_ms(datetime.fromisoformat(known))
    source = Source("plays", SourceKind.RECENTLY_PLAYED)
    result = Store().crawl(scripted_client(), source, after_ms=after_ms)
    assert (result.complete, result.calls) == (True, 1)
    assert result.plays is not None
    assert (result.plays.count, result.plays.possible_gap) == (plays, gap)


def test_an_empty_history_has_no_gap(server: ScriptedServer, scripted_client: ClientMaker) -> None:
    server.on(PLAYED + "?limit=50", Reply(body={"items": [], "next": None}))
    result = Store().crawl(scripted_client(), Source("p", SourceKind.RECENTLY_PLAYED), after_ms=5)
    assert result.plays is not None
    assert (result.complete, result.plays.possible_gap, result.plays.cursor_ms) == (True, False, None)


def test_a_login_without_the_scope_ends_the_crawl(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    client = sandbox_client(login=MemoryStore(login_of(sandbox, scopes=(Scope.TOP,))))
    with pytest.raises(PermissionDenied):
        Store().crawl(client, Source("mine", SourceKind.SAVED_TRACKS))
    assert sandbox.control.calls().api_total == 1
