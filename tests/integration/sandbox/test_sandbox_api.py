"""Tests of the sandbox's endpoints under /v1, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any

import httpx
import pytest

from spotify_sandbox.testing import RunningSandbox
from tests.integration.sandbox.api_client import album_ids, all_items, artist_ids, busiest_artist, get

pytestmark = pytest.mark.integration
UNKNOWN_ID = "0" * 22


def error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"status": status, "message": message}}


@pytest.mark.parametrize(
    ("mode", "default", "maximum"),
    [("development", 5, 10), ("extended", 20, 50)],
    ids=["development", "extended"],
)
def test_album_and_search_pages_have_the_sizes_of_the_app_class(
    request: pytest.FixtureRequest, mode: str, default: int, maximum: int
) -> None:
    api: httpx.Client = request.getfixturevalue(f"{mode}_api")
    artist = busiest_artist(api, request.getfixturevalue(mode))
    for url, key in ((f"/artists/{artist}/albums", None), ("/search?q=a&type=track", "tracks")):
        for limit, expected in ((None, default), (maximum, maximum)):
            joined = url if limit is None else f"{url}{'&' if '?' in url else '?'}limit={limit}"
            body = get(api, joined)
            got = body[key] if key else body
            assert got["limit"] == expected
            assert len(got["items"]) == min(expected, got["total"])
        refused = api.get(f"{url}{'&' if '?' in url else '?'}limit={maximum + 1}")
        assert (refused.status_code, refused.json()) == (400, error(400, "Invalid limit"))


def test_reading_all_pages_returns_every_album_once(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    artist = busiest_artist(development_api, development)
    albums = all_items(development_api, f"/artists/{artist}/albums")
    assert len(albums) > 10
    assert len({album["id"] for album in albums}) == len(albums)


def test_include_groups_divides_an_artists_albums(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    artist = busiest_artist(development_api, development)
    url = f"/artists/{artist}/albums"
    by_group = {
        group: [album["id"] for album in all_items(development_api, url, include_groups=group)]
        for group in ("album", "single", "compilation", "appears_on")
    }
    everything = [album["id"] for album in all_items(development_api, url)]
    assert list(chain.from_iterable(by_group.values())) == everything
    assert by_group["album"]
    assert by_group["single"]
    two = all_items(development_api, url, include_groups="album,single", limit=2)
    assert [album["id"] for album in two] == by_group["album"] + by_group["single"]


def test_the_api_serves_the_whole_catalogue(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    served = development.control.catalog()
    albums = album_ids(development_api, development)
    assert len(albums) == served.album_count
    tracks: set[str] = set()
    for album_id in albums:
        embedded = get(development_api, f"/albums/{album_id}")["tracks"]
        assert embedded["limit"] == 50
        items = embedded["items"]
        if embedded["next"]:
            items = items + all_items(development_api, embedded["next"])
        tracks |= {track["id"] for track in items}
    assert len(tracks) == served.track_count


def test_an_album_of_over_fifty_tracks_has_a_next_page(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    albums = (
        get(development_api, f"/albums/{album_id}") for album_id in album_ids(development_api, development)
    )
    box_set = next(album for album in albums if album["total_tracks"] > 50)
    assert box_set["tracks"]["next"].startswith(
        f"{development.api_url}/albums/{box_set['id']}/tracks?offset=50"
    )
    listed = all_items(development_api, f"/albums/{box_set['id']}/tracks", limit=50)
    assert listed[:50] == box_set["tracks"]["items"]
    assert len(listed) == box_set["total_tracks"]
    assert {track["disc_number"] for track in listed} == {1, 2, 3, 4}


def test_links_point_to_the_host_of_the_request(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    artist = busiest_artist(development_api, development)
    got = get(development_api, f"/artists/{artist}/albums")
    assert got["next"].startswith(f"{development.api_url}/artists/{artist}/albums?offset=5&limit=5")
    named = development_api.get(f"/artists/{artist}/albums", headers={"Host": "spotify.test:81"}).json()
    assert named["next"].startswith(f"http://spotify.test:81/v1/artists/{artist}/albums?")
    assert named["items"][0]["href"].startswith("http://spotify.test:81/v1/albums/")


def test_a_track_carries_its_album_and_isrc(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    artist = busiest_artist(development_api, development)
    album = get(development_api, f"/artists/{artist}/albums", include_groups="album")["items"][0]
    listed = get(development_api, f"/albums/{album['id']}")["tracks"]["items"][0]
    track = get(development_api, f"/tracks/{listed['id']}")
    assert track["album"] == album
    assert {key: track[key] for key in listed} == listed
    assert "external_ids" not in listed
    assert set(track["external_ids"]) <= {"isrc"}


def test_market_turns_available_markets_into_is_playable(
    extended: RunningSandbox, extended_api: httpx.Client
) -> None:
    artist = busiest_artist(extended_api, extended)
    album = get(extended_api, f"/artists/{artist}/albums")["items"][0]
    plain = get(extended_api, f"/albums/{album['id']}/tracks")["items"][0]
    assert "is_playable" not in plain
    for market in ("SE", "CU"):
        got = get(extended_api, f"/albums/{album['id']}/tracks", market=market, limit=1)
        track = got["items"][0]
        assert track["is_playable"] is (market in plain["available_markets"])
        assert "available_markets" not in track
        assert got["next"] is None or f"market={market}" in got["next"]
    assert track["restrictions"] == {"reason": "market"}


@pytest.mark.parametrize("kind", ["artists", "albums", "tracks"])
def test_unknown_and_malformed_ids_are_errors(development_api: httpx.Client, kind: str) -> None:
    unknown, malformed = (
        development_api.get(f"/{kind}/{UNKNOWN_ID}"),
        development_api.get(f"/{kind}/not-an-id"),
    )
    assert (unknown.status_code, unknown.json()) == (404, error(404, "Resource not found"))
    assert (malformed.status_code, malformed.json()) == (400, error(400, "Invalid base62 id"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("type=track", "No search query"),
        ("q=a", "Missing parameter type"),
        ("q=a&type=song", "Bad search type field song"),
        ("q=a&type=track&offset=1001", "Invalid offset"),
        ("q=a&type=track&market=Sweden", "Invalid market code"),
    ],
)
def test_search_refuses_wrong_parameters(development_api: httpx.Client, query: str, message: str) -> None:
    response = development_api.get(f"/search?{query}")
    assert (response.status_code, response.json()) == (400, error(400, message))


def test_search_returns_a_page_per_type_with_links_to_more(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    name = development.control.catalog().artists[1][1]
    found = get(development_api, "/search", q=f'artist:"{name}"', type="artist,album,track,playlist")
    assert set(found) == {"artists", "albums", "tracks", "playlists"}
    assert found["artists"]["items"][0]["name"] == name
    assert found["playlists"]["items"] == []
    assert all(name in [artist["name"] for artist in album["artists"]] for album in found["albums"]["items"])
    following = get(development_api, found["tracks"]["next"])
    assert set(following) == {"tracks"}
    assert following["tracks"]["offset"] == 5
    assert not {each["id"] for each in following["tracks"]["items"]} & {
        each["id"] for each in found["tracks"]["items"]
    }


REMOVED = (
    "/artists?ids={id}",
    "/albums?ids={id}",
    "/tracks?ids={id}",
    "/artists/{id}/top-tracks",
    "/browse/new-releases",
    "/markets",
)


@pytest.mark.parametrize("path", [*REMOVED, "/playlists/{id}/tracks"])
def test_removed_endpoints_return_403_in_development(
    development: RunningSandbox, development_api: httpx.Client, path: str
) -> None:
    response = development_api.get(path.format(id=artist_ids(development)[0]))
    assert (response.status_code, response.json()) == (403, error(403, "Forbidden"))


def test_an_extended_app_reads_several_ids_with_null_for_unknown(
    extended: RunningSandbox, extended_api: httpx.Client
) -> None:
    artists = artist_ids(extended)[:3]
    got = get(extended_api, "/artists", ids=",".join([*artists, UNKNOWN_ID]))["artists"]
    assert [artist and artist["id"] for artist in got] == [*artists, None]
    albums = [album["id"] for album in get(extended_api, f"/artists/{artists[1]}/albums")["items"]]
    several = get(extended_api, "/albums", ids=",".join(albums))["albums"]
    assert several == [get(extended_api, f"/albums/{album}") for album in albums]
    tracks = [track["id"] for track in several[0]["tracks"]["items"]]
    fetched = get(extended_api, "/tracks", ids=",".join(tracks))["tracks"]
    assert fetched == [get(extended_api, f"/tracks/{track}") for track in tracks]


@pytest.mark.parametrize(("kind", "most"), [("artists", 50), ("albums", 20), ("tracks", 50)])
def test_too_many_ids_are_refused(extended_api: httpx.Client, kind: str, most: int) -> None:
    assert extended_api.get(f"/{kind}", params={"ids": ",".join([UNKNOWN_ID] * most)}).status_code == 200
    refused = extended_api.get(f"/{kind}", params={"ids": ",".join([UNKNOWN_ID] * (most + 1))})
    assert (refused.status_code, refused.json()) == (400, error(400, "Too many ids requested"))
    assert extended_api.get(f"/{kind}").status_code == 400


def test_an_extended_app_reads_top_tracks_and_new_releases(
    extended: RunningSandbox, extended_api: httpx.Client
) -> None:
    artist = busiest_artist(extended_api, extended)
    top = get(extended_api, f"/artists/{artist}/top-tracks")["tracks"]
    popularity = [track["popularity"] for track in top]
    assert len(top) == 10
    assert popularity == sorted(popularity, reverse=True)
    fresh = get(extended_api, "/browse/new-releases")["albums"]["items"]
    assert fresh[0]["release_date"] == "2026-11-22"
    assert all(album["release_date"] >= "2026-11-08" for album in fresh)


def test_every_response_has_the_date_of_the_sandbox_s_clock(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    development.control.set_clock("2031-01-02T03:04:05Z", frozen=True)
    responses = [development_api.get("/nowhere"), httpx.get(development.base_url)]
    for response in responses:
        assert response.headers.get_list("date") == ["Thu, 02 Jan 2031 03:04:05 GMT"]
    development.control.set_clock("2026-11-22T06:00:00Z", frozen=False)
    got = parsedate_to_datetime(development_api.get(f"/artists/{UNKNOWN_ID}").headers["date"])
    assert 0 <= (got - datetime(2026, 11, 22, 6, tzinfo=UTC)).total_seconds() < 60


def test_a_path_that_is_not_served_is_404(development_api: httpx.Client) -> None:
    response = development_api.get("/audiobooks/x")
    assert (response.status_code, response.json()) == (404, error(404, "Service not found"))


def test_a_market_relinks_a_track_to_a_playable_one(
    extended: RunningSandbox, extended_api: httpx.Client, development_api: httpx.Client
) -> None:
    singles = [
        album
        for artist in artist_ids(extended)[:40]
        for album in all_items(extended_api, f"/artists/{artist}/albums", include_groups="single", limit=50)
        if not album["available_markets"]
    ]
    found = 0
    for single in {album["id"]: album for album in singles}.values():
        (requested, *_) = get(extended_api, f"/albums/{single['id']}")["tracks"]["items"]
        got = get(extended_api, f"/tracks/{requested['id']}", market="ES")
        if got["id"] == requested["id"]:
            assert (got["is_playable"], got["restrictions"]) == (False, {"reason": "market"})
            assert "linked_from" not in got
            continue
        found += 1
        assert (got["is_playable"], got["linked_from"]["id"]) == (True, requested["id"])
        plain = get(extended_api, f"/tracks/{requested['id']}")
        assert (plain["id"], plain["external_ids"]) == (requested["id"], got["external_ids"])
        development = get(development_api, f"/tracks/{requested['id']}", market="ES")
        assert development["id"] == got["id"]
        assert "linked_from" not in development
    assert found
