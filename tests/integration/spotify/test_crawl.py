"""Tests that crawls are complete, ordered and resumable, and stop at limits and at midnight."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from spotify_pipeline.errors import ApiUnavailable, DamagedObject, PermissionDenied, UnsafeLink
from spotify_pipeline.settings import Settings
from spotify_pipeline.sources import Source, SourceKind
from spotify_pipeline.spotify.client import REFUSALS_RETRIED, ApiResponse, SpotifyClient
from spotify_pipeline.spotify.crawl import StopReason, crawl
from spotify_pipeline.spotify.endpoints import Request, RequestKind
from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.spotify.clients import NO_WAITING, ClientMaker, connection
from tests.integration.spotify.scripted import Reply, ScriptedServer
from tests.integration.spotify.store import TODAY, Store

pytestmark = pytest.mark.integration


UNKNOWN = "0" * 22
A, B, C, D = ("1TnOYISbd1XYRBk9myase" + last for last in "abcd")


def every_artist(sandbox: RunningSandbox) -> Source:
    ids = tuple(artist_id for artist_id, _ in sandbox.control.catalog().artists)
    return Source("all", SourceKind.ARTIST, ids, ("album", "single", "compilation"))


def artists_of(sandbox: RunningSandbox) -> Source:
    """Return a quarter of the artists: the one with the most albums, which has several pages, and others."""
    source = every_artist(sandbox)
    return replace(source, ids=(source.ids[0], *source.ids[6::3]))


def track_ids(store: Store) -> set[str]:
    """Return the ids of all tracks on the pages of all albums."""
    found = set()
    for request, body in store.bodies.items():
        document = json.loads(body)
        if request.kind is RequestKind.ALBUM:
            document = document["tracks"]
        if request.kind in {RequestKind.ALBUM, RequestKind.ALBUM_TRACKS}:
            found |= {track["id"] for track in document["items"] if track}
    return found


@pytest.mark.parametrize("mode", ["development", "extended"])
def test_a_crawl_reads_every_track_without_unneeded_calls(mode: str) -> None:
    with running(mode=mode, size=300, seed=7) as sandbox:
        known = connection(
            sandbox.api_url,
            sandbox.accounts_url,
            app_class=mode,
            login=sandbox.client_id,
            password=sandbox.client_secret,
        )
        store = Store()
        with SpotifyClient.from_connection(known, Settings(), retries=NO_WAITING) as client:
            result = store.crawl(client, every_artist(sandbox))
        served = sandbox.control.catalog()
        assert result.complete
        assert (result.stopped_by, result.message, result.missing, result.problems) == (None, None, (), ())
        assert len(track_ids(store)) == served.track_count
        assert result.calls == len(result.requests) == len(store.bodies)
        called = sandbox.control.calls()
        assert called.api_total == result.calls
        assert called.by_bucket["/v1/artists/{id}"] == served.artist_count
        assert called.by_bucket["/v1/albums/{id}"] == served.album_count


def test_albums_that_the_caller_skips_are_not_read(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    source, whole = artists_of(sandbox), Store()
    albums = [
        request.requested_id
        for request in whole.crawl(sandbox_client(), source).requests
        if request.kind is RequestKind.ALBUM
    ]
    known, asked = set(albums[::2]), []
    sandbox.control.reset_calls()

    def skip_album(entry: Mapping[str, Any]) -> bool:
        asked.append(entry["id"])
        return entry["id"] in known

    store = Store()
    result = store.crawl(sandbox_client(), source, skip_album=skip_album)
    assert result.complete
    # each album once, in the order of the listings, though two artists may list the same album
    assert asked == albums
    assert list(result.skipped) == albums[::2]
    assert sandbox.control.calls().by_bucket["/v1/albums/{id}"] == len(albums[1::2])
    assert not {request.requested_id for request in store.kept} & known


def test_the_order_of_objects_does_not_depend_on_timing(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    source = artists_of(sandbox)
    orders = []
    for seed, concurrency in ((1, 1), (2, 8), (3, 8)):
        store = Store(jitter=random.Random(seed))
        orders.append(store.crawl(sandbox_client(), source, concurrency=concurrency).requests)
        assert set(orders[-1]) == set(store.kept)
    assert orders[0] == orders[1] == orders[2]
    assert [request.requested_id for request in orders[0] if request.kind is RequestKind.ARTIST] == list(
        source.ids
    )


def test_a_second_crawl_makes_no_call(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    store, source = Store(), artists_of(sandbox)
    first = store.crawl(sandbox_client(), source)
    sandbox.control.reset_calls()
    second = store.crawl(sandbox_client(), source)
    assert second.calls == sandbox.control.calls().total == 0
    assert (second.complete, second.requests) == (True, first.requests)


@pytest.mark.parametrize("kept", [0, 1, 2, 10, 60])
def test_a_crawl_killed_after_any_object_can_be_resumed(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, kept: int
) -> None:
    source = artists_of(sandbox)
    whole = Store()
    expected = whole.crawl(sandbox_client(), source)
    survivors = dict(list(whole.bodies.items())[:kept])
    sandbox.control.reset_calls()
    store = Store(bodies=dict(survivors))
    result = store.crawl(sandbox_client(), source)
    assert result.requests == expected.requests
    assert store.bodies == whole.bodies
    assert sandbox.control.calls().api_total == len(expected.requests) - len(survivors)


def test_albums_are_read_with_all_their_tracks(server: ScriptedServer, scripted_client: ClientMaker) -> None:
    more = f"/albums/{A}/tracks"
    link = f"{server.api_url}{more}?offset=50&limit=50"
    server.on(f"/v1/albums/{A}", Reply(body={"tracks": {"items": [], "next": link}}))
    link = f"{server.api_url}{more}?offset=100&limit=50"
    server.on(f"/v1{more}?limit=50&offset=50", Reply(body={"items": [None], "next": link}))
    server.on(f"/v1{more}?limit=50&offset=100", Reply(body={"items": [], "next": None}))
    result = Store().crawl(scripted_client(), Source("a", SourceKind.ALBUM, (A,)))
    assert result.complete
    assert [request.target for request in result.requests] == [
        f"/albums/{A}",
        f"{more}?limit=50&offset=50",
        f"{more}?limit=50&offset=100",
    ]
    assert {request.requested_id for request in result.requests} == {A}


@pytest.mark.parametrize("wanted", [7, 10, 25])
def test_a_search_returns_at_most_max_results(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, wanted: int
) -> None:
    source = Source("s", SourceKind.SEARCH, queries=("a", "e"), types=("track", "album"), max_results=wanted)
    store = Store()
    result = store.crawl(sandbox_client(), source)
    assert result.complete
    records: dict[tuple[str, str], int] = {}
    for request in result.requests:
        asked = dict(request.params)
        page = json.loads(store.bodies[request])[asked["type"] + "s"]
        key = (asked["q"], asked["type"])
        records[key] = records.get(key, 0) + len(page["items"])
    assert list(records) == [("a", "track"), ("a", "album"), ("e", "track"), ("e", "album")]
    assert all(count <= wanted for count in records.values())
    assert records["a", "track"] == wanted


def test_a_search_stops_at_the_greatest_offset(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    source = Source("s", SourceKind.SEARCH, queries=("a",), types=("track",), max_results=1000)
    result = Store().crawl(sandbox_client(), source)
    assert result.complete
    assert len(result.requests) <= 100
    assert all(int(dict(request.params)["offset"]) <= 1000 for request in result.requests)


def test_an_unknown_id_does_not_stop_the_others(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    artist = sandbox.control.catalog().artists[0][0]
    store = Store()
    result = store.crawl(
        sandbox_client(), Source("a", SourceKind.ARTIST, (UNKNOWN, artist), ("album", "single"))
    )
    assert result.complete
    assert [missing.requested_id for missing in result.missing] == [UNKNOWN]
    assert "check the id in sources.yml" in result.missing[0].message
    assert result.requests[0].requested_id == artist
    assert sandbox.control.calls().by_status[404] == 1 + REFUSALS_RETRIED


def test_a_quota_error_closes_only_its_bucket(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    source, store = artists_of(sandbox), Store()
    sandbox.control.exhaust_quota(r"/v1/albums/\w+$", retry_after=86_207, after=5)
    client = sandbox_client()
    result = store.crawl(client, source, concurrency=1)
    assert not result.complete
    assert (result.stopped_by, result.bucket) == (StopReason.QUOTA_EXCEEDED, "GET /albums/{id}")
    assert result.deadline is not None
    assert abs(result.deadline - client.api_now() - timedelta(seconds=86_207)) < timedelta(seconds=60)
    kinds = [request.kind for request in result.requests]
    assert kinds.count(RequestKind.ALBUM) == 5
    assert kinds.count(RequestKind.ARTIST) == len(source.ids)
    assert sandbox.control.calls().by_status[429] == 1
    # the same client does not call that bucket again
    again = store.crawl(client, source, concurrency=4)
    assert (again.calls, again.stopped_by) == (0, StopReason.QUOTA_EXCEEDED)
    assert set(again.requests) == set(store.bodies)
    # when the bucket is open again, only the missing responses are fetched
    sandbox.control.clear_faults()
    sandbox.control.reset_calls()
    rest = store.crawl(sandbox_client(), source)
    assert rest.complete
    assert sandbox.control.calls().api_total == rest.calls == len(rest.requests) - len(result.requests)


def test_listed_albums_are_read_while_the_listings_are_closed(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    sandbox.control.exhaust_quota(r"/v1/artists/\w+/albums", after=3)
    result = Store().crawl(sandbox_client(), artists_of(sandbox), concurrency=1)
    kinds = [request.kind for request in result.requests]
    assert not result.complete
    assert kinds.count(RequestKind.ARTIST_ALBUMS) == 3
    assert kinds.count(RequestKind.ALBUM) > 0


def test_a_long_rate_limit_without_a_reason_stops_every_call(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    sandbox.control.rate_limit(r"/v1/artists/\w+$", retry_after=3600, times=None, after=2)
    result = Store().crawl(sandbox_client(), artists_of(sandbox), concurrency=1)
    assert result.stopped_by is StopReason.RATE_LIMITED
    assert {request.requested_id for request in result.requests} <= set(artists_of(sandbox).ids[:2])
    assert sandbox.control.calls().by_status[429] == 1


def test_midnight_ends_the_crawl(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    store, moved = Store(), False
    sandbox.control.set_clock("2026-11-22T23:30:00Z")

    def keep(request: Request, response: ApiResponse) -> None:
        nonlocal moved
        store.keep(request, response)
        if len(store.kept) == 20 and not moved:
            moved = True
            sandbox.control.set_clock("2026-11-23T00:00:00Z")

    result = crawl(
        sandbox_client(), artists_of(sandbox), partition=TODAY, have=store.have, keep=keep, concurrency=1
    )
    assert (result.complete, result.stopped_by) == (False, StopReason.DATE_PASSED)
    assert result.message == (
        "Spotify's date is 2026-11-23, no longer 2026-11-22: its responses belong to another partition"
    )
    assert len(result.requests) == len(store.kept) == 20
    assert sandbox.control.calls().api_total == 21


def test_a_404_after_midnight_does_not_count_for_the_day_before(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    sandbox.control.set_clock("2026-11-23T00:00:00Z")
    result = Store().crawl(sandbox_client(), Source("gone", SourceKind.ALBUM, (UNKNOWN,)))
    assert (result.stopped_by, result.missing) == (StopReason.DATE_PASSED, ())


def test_an_outage_of_one_album_does_not_stop_the_others(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    source, whole = artists_of(sandbox), Store()
    order = whole.crawl(sandbox_client(), source).requests
    bad = next(request for request in order if request.kind is RequestKind.ALBUM)
    sandbox.control.add_fault("status", status=500, path=bad.path, times=None)
    store = Store()
    result = store.crawl(sandbox_client(), source)
    assert (result.complete, result.stopped_by) == (False, StopReason.OUTAGE)
    assert isinstance(result.outage, ApiUnavailable)
    assert bad.path in str(result.outage) == result.message
    assert set(store.bodies) == set(order) - {r for r in order if r.requested_id == bad.requested_id}


def test_an_outage_is_not_retried_for_every_id(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    source = artists_of(sandbox)
    sandbox.control.add_fault("status", status=500, path="/v1/", times=None)
    result = Store().crawl(sandbox_client(), source, concurrency=1)
    assert (result.stopped_by, result.requests) == (StopReason.OUTAGE, ())
    assert sandbox.control.calls().api_total == 4 * 3 < 3 * len(source.ids)


def test_a_refused_app_ends_the_crawl_at_once(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    body = "Active premium subscription required for the owner of the app."
    sandbox.control.add_fault("status", status=403, body=body, path="/v1/", times=None)
    with pytest.raises(PermissionDenied, match="Active premium subscription required"):
        Store().crawl(sandbox_client(), artists_of(sandbox), concurrency=1)
    assert sandbox.control.calls().api_total == 1


POISONED = {
    "NaN": b'{"items": [{"id": "%s", "popularity": NaN}], "next": null}',
    "a lone surrogate": b'{"items": [{"id": "%s", "name": "\\ud800"}], "next": null}',
    "UTF-16": '{"items": [{"id": "%s", "name": "é"}], "next": null}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"items": [{"id": "%s"}], "next": null}',
    "a name twice": b'{"items": [{"id": "%s", "popularity": 1, "popularity": 2}], "next": null}',
    "a number without bound": b'{"items": [{"id": "%s", "popularity": 1e999}], "next": null}',
}


@pytest.mark.parametrize("body", POISONED.values(), ids=POISONED)
def test_a_resumed_crawl_reads_stored_bodies_in_the_same_way(
    two_artists: ScriptedServer, scripted_client: ClientMaker, body: bytes
) -> None:
    place = "%s".encode("utf-16-le") if body.startswith(b"\xff\xfe") else b"%s"
    album = D.encode("utf-16-le") if body.startswith(b"\xff\xfe") else D.encode()
    two_artists.on(LISTING, Reply(body=body.replace(place, album)))
    two_artists.on(f"/v1/albums/{D}", Reply(body={"id": D, "tracks": {"items": [], "next": None}}))
    store = Store()
    first = store.crawl(scripted_client(), ARTIST)
    assert first.complete
    assert f"/albums/{D}" in [request.target for request in first.requests]
    again = store.crawl(scripted_client(), ARTIST)
    assert (again.calls, again.complete, again.requests) == (0, True, first.requests)


def test_the_error_for_a_damaged_object_names_it(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    source, store = artists_of(sandbox), Store()
    first = store.crawl(sandbox_client(), source).requests[0]
    store.bodies[first] = store.bodies[first][:-1]
    with pytest.raises(DamagedObject, match=rf"GET {first.path} is not JSON"):
        store.crawl(sandbox_client(), source)


LISTING = f"/v1/artists/{A}/albums?include_groups=album&limit=10"
ARTIST = Source("a", SourceKind.ARTIST, (A, B), ("album",))


@pytest.fixture
def two_artists(server: ScriptedServer) -> ScriptedServer:
    """A server with two artists: the listing of B is correct, and the test scripts that of A."""
    for artist in (A, B):
        server.on(f"/v1/artists/{artist}", Reply(body={"id": artist}))
    server.on(LISTING.replace(A, B), Reply(body={"items": [{"id": C}], "next": None}))
    server.on(f"/v1/albums/{C}", Reply(body={"tracks": {"items": [], "next": None}}))
    return server


def test_a_next_link_to_another_host_is_not_followed(
    two_artists: ScriptedServer, scripted_client: ClientMaker
) -> None:
    elsewhere = two_artists.url.replace("127.0.0.1", "localhost") + LISTING
    two_artists.on(LISTING, Reply(body={"items": [], "next": elsewhere}))
    with pytest.raises(UnsafeLink, match="leads away from"):
        Store().crawl(scripted_client(), ARTIST)
    assert two_artists.count(LISTING) == 1


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"items": None, "next": None}, "has no list of items"),
        ({"next": None}, "has no list of items"),
        ({"items": []}, "does not say whether a next page follows"),
        ({"items": [], "next": 5}, "next that is of type int"),
        ([], "of type list where a page"),
        (b"null", "holds null where a page"),
        ({"items": [], "next": "API/v1/artists/A"}, "is another endpoint: /artists/"),
        ({"items": [], "next": "APILISTING"}, "form a loop"),
    ],
)
def test_an_unreadable_response_is_kept_and_reported(
    two_artists: ScriptedServer, scripted_client: ClientMaker, body: Any, problem: str
) -> None:
    if isinstance(body, dict) and isinstance(body.get("next"), str):
        link = body["next"].replace("LISTING", LISTING).replace("/A", "/" + A).replace("API", two_artists.url)
        body = {**body, "next": link}
    two_artists.on(LISTING, Reply(body=body))
    result = Store().crawl(scripted_client(), ARTIST)
    assert (result.complete, result.stopped_by) == (False, StopReason.UNREADABLE)
    assert result.message is not None
    assert problem in result.message
    assert (result.message,) == result.problems
    assert LISTING.removeprefix("/v1").replace(",", "%2C") in [request.target for request in result.requests]
    # the other artist and its album are read
    assert result.requests[-1].requested_id == C


def test_a_list_without_an_end_is_read_up_to_a_maximum(
    two_artists: ScriptedServer, scripted_client: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spotify_pipeline.spotify.paging.PAGES_MAX", 5)
    path = f"/artists/{A}/albums"
    for page in range(10):
        name = LISTING if page == 0 else f"/v1{path}?offset={page}"
        link = f"{two_artists.api_url}{path}?offset={page + 1}"
        two_artists.on(name, Reply(body={"items": [None], "next": link}))
    result = Store().crawl(scripted_client(), ARTIST)
    assert result.problems == (f"the pages of {path} have no end: 5 were read",)
    assert sum(request.kind is RequestKind.ARTIST_ALBUMS for request in result.requests) == 5 + 1
