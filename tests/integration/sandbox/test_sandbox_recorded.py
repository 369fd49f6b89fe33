"""Tests that responses have the same keys at every level as responses recorded from the real service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from spotify_sandbox.testing import RunningSandbox
from tests.integration.sandbox.api_client import all_items, artist_ids, busiest_artist, get

pytestmark = pytest.mark.integration


class Recordings:
    """Reads recorded responses by file name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Any:
        return json.loads((self._folder / name).read_text(encoding="utf-8"))

    def observed_error(self, status: int) -> dict[str, Any]:
        observed = self.read("transcribed-from-issues/observed_error_bodies.json")
        return next(each for each in observed if each["http_status"] == status and "body" in each)


@pytest.fixture(scope="module")
def recorded(reference_data: Path) -> Recordings:
    return Recordings(reference_data / "recorded")


def differences(ours: Any, real: Any, at: str = "") -> set[str]:
    """Return paths of keys that only one of the two has (+ ours, - real); of lists, compare first entries."""
    if isinstance(ours, list) and isinstance(real, list):
        return differences(ours[0], real[0], f"{at}[]") if ours and real else set()
    if not isinstance(ours, dict) or not isinstance(real, dict):
        return set()
    found = {f"+{at}.{key}" for key in ours.keys() - real.keys()} | {
        f"-{at}.{key}" for key in real.keys() - ours.keys()
    }
    for key in ours.keys() & real.keys():
        found |= differences(ours[key], real[key], f"{at}.{key}")
    return found


@pytest.fixture
def artist(extended: RunningSandbox, extended_api: httpx.Client) -> str:
    return busiest_artist(extended_api, extended)


@pytest.fixture
def album(extended_api: httpx.Client, artist: str) -> Any:
    albums = all_items(extended_api, f"/artists/{artist}/albums", include_groups="album")
    return get(extended_api, f"/albums/{albums[0]['id']}")


def test_differences_are_found() -> None:
    assert differences({"a": [{"b": 1}], "c": 1}, {"a": [{"d": 1}], "c": 2}) == {"+.a[].b", "-.a[].d"}


def test_an_artist_is_as_recorded(recorded: Recordings, extended_api: httpx.Client, artist: str) -> None:
    real = recorded.read("spotify-web-api-java/GetArtistRequest.json")
    assert differences(get(extended_api, f"/artists/{artist}"), real) == set()


def test_a_page_of_an_artists_albums_is_as_recorded(
    recorded: Recordings, extended_api: httpx.Client, artist: str
) -> None:
    real = recorded.read("spotify-web-api-java/GetArtistsAlbumsRequest.json")
    ours = get(extended_api, f"/artists/{artist}/albums", market="ES", include_groups="single")
    assert differences(ours, real) == set()


def test_a_full_track_with_its_simplified_album_is_as_recorded(
    recorded: Recordings, extended_api: httpx.Client, album: Any
) -> None:
    real = recorded.read("spotify-web-api-java/GetCurrentUsersRecentlyPlayedTracksRequest.json")["items"][0][
        "track"
    ]
    tracks = (get(extended_api, f"/tracks/{track['id']}") for track in album["tracks"]["items"])
    assert differences(next(track for track in tracks if track["external_ids"]), real) == set()


def test_an_album_with_its_page_of_tracks_is_as_recorded(recorded: Recordings, album: Any) -> None:
    real = next(each for each in recorded.read("zmb3-spotify/find_albums.json")["albums"] if "label" in each)
    # recorded before Spotify added these two fields; the OpenAPI description has both
    assert differences(album, real) == {"+.total_tracks", "+.tracks.items[].is_local"}


def test_a_page_of_an_albums_tracks_is_as_recorded(
    recorded: Recordings, extended_api: httpx.Client, album: Any
) -> None:
    real = recorded.read("spotify-web-api-java/GetAlbumsTracksRequest.json")
    ours = get(extended_api, f"/albums/{album['id']}/tracks", limit=2)
    assert differences(ours, real) == {"+.items[].is_local"}


def test_search_is_as_recorded(
    recorded: Recordings, extended: RunningSandbox, extended_api: httpx.Client
) -> None:
    name = extended.control.catalog().artists[1][1]
    ours = get(extended_api, "/search", q=name, type="artist")
    assert (
        differences(ours["artists"], recorded.read("JMPerez-spotify-web-api-js/search.json")["artists"])
        == set()
    )


# fields that the service has added since these were recorded; the OpenAPI description has them
ADDED_TO_ALBUMS = {"artists", "available_markets", "release_date", "release_date_precision", "total_tracks"}
ADDED_TO_TRACKS = {"is_local"}


def without_newer(found: set[str], track: str) -> set[str]:
    """Return the differences without the fields added since to the track at path `track` and to its album."""
    newer = {f"+{track}.album.{key}" for key in ADDED_TO_ALBUMS} | {
        f"+{track}.{key}" for key in ADDED_TO_TRACKS
    }
    return found - newer


def test_a_page_of_saved_tracks_is_as_recorded(recorded: Recordings, extended_user: httpx.Client) -> None:
    real = recorded.read("JMPerez-spotify-web-api-js/user_saved_tracks.json")
    assert without_newer(differences(get(extended_user, "/me/tracks"), real), ".items[].track") == set()


def test_a_page_of_top_tracks_is_as_recorded(recorded: Recordings, extended_user: httpx.Client) -> None:
    real = recorded.read("JMPerez-spotify-web-api-js/user_top_tracks.json")
    found = without_newer(differences(get(extended_user, "/me/top/tracks"), real), ".items[]")
    # recorded with the user's market, which replaces one field by the other
    assert found == {"+.items[].available_markets", "-.items[].is_playable"}


@pytest.mark.parametrize(
    "name",
    [
        "spotify-web-api-java/GetCurrentUsersRecentlyPlayedTracksRequest.json",
        "zmb3-spotify/player_recently_played.json",
    ],
)
def test_a_page_of_plays_is_as_recorded(recorded: Recordings, extended_user: httpx.Client, name: str) -> None:
    ours = get(extended_user, "/me/player/recently-played", limit=50)
    ours["items"].sort(key=lambda play: (play["context"] is None, not play["track"]["external_ids"]))
    assert without_newer(differences(ours, recorded.read(name)), ".items[].track") == set()


def test_cursors_of_plays_are_strings_and_next_goes_back(
    recorded: Recordings, extended_user: httpx.Client
) -> None:
    real = recorded.read("spotify-web-api-java/GetCurrentUsersRecentlyPlayedTracksRequest.json")
    ours = get(extended_user, "/me/player/recently-played", limit=2)
    for body in (ours, real):
        assert all(isinstance(text, str) for text in body["cursors"].values())
        assert f"before={body['cursors']['before']}&limit=2" in body["next"]


def longest_playlist(sandbox: RunningSandbox) -> str:
    playlists = sandbox.control.playlists()
    playlist_id: str = max(playlists, key=lambda playlist: playlist["entries"])["id"]
    return playlist_id


def is_without_isrc(entry: Any) -> bool:
    """Return whether an entry is something else than a track with an ISRC, as the recorded entries are."""
    return not (entry["track"] or {}).get("external_ids")


def test_a_playlist_is_as_recorded(
    recorded: Recordings, extended: RunningSandbox, extended_user: httpx.Client
) -> None:
    real = recorded.read("zmb3-spotify/get_playlist.json")
    ours = get(extended_user, f"/playlists/{longest_playlist(extended)}")
    ours["tracks"]["items"].sort(key=is_without_isrc)
    assert without_newer(differences(ours, real), ".tracks.items[].track") == set()


def test_a_page_of_a_playlists_tracks_is_as_recorded(
    recorded: Recordings, extended: RunningSandbox, extended_user: httpx.Client
) -> None:
    real = recorded.read("zmb3-spotify/playlist_items_tracks.json")
    ours = get(extended_user, f"/playlists/{longest_playlist(extended)}/tracks")
    ours["items"].sort(key=is_without_isrc)
    assert without_newer(differences(ours, real), ".items[].track") == set()


def test_an_entry_with_an_episode_is_as_recorded(
    recorded: Recordings, extended: RunningSandbox, extended_user: httpx.Client
) -> None:
    real = recorded.read("zmb3-spotify/playlist_items_episodes.json")
    entries = all_items(extended_user, f"/playlists/{longest_playlist(extended)}/tracks")
    ours = next(entry for entry in entries if entry["track"] and entry["track"]["type"] == "episode")
    assert differences(ours, real["items"][0]) == set()


def test_an_entry_with_null_is_as_recorded(
    recorded: Recordings, extended: RunningSandbox, extended_user: httpx.Client
) -> None:
    (real,) = recorded.read("transcribed-from-issues/playlist_page_null_track.json")["items"]
    entries = all_items(extended_user, f"/playlists/{longest_playlist(extended)}/tracks")
    assert differences(next(entry for entry in entries if entry["track"] is None), real) == set()


@pytest.mark.parametrize("name", ["AuthorizationCodePKCERefresh", "AuthorizationCodeRefresh"])
def test_a_refresh_is_as_recorded(recorded: Recordings, extended: RunningSandbox, name: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": extended.control.authorize("listener1")}
    url = f"{extended.accounts_url}/api/token"
    responses = [httpx.post(url, data=form | {"client_id": extended.client_id}).json() for _ in range(2)]
    real = recorded.read(f"spotify-web-api-java/{name}.json")
    # every second refresh rotates the refresh token
    assert differences(responses["refresh_token" in real], real) == set()


def test_a_token_is_as_recorded(recorded: Recordings, extended: RunningSandbox) -> None:
    credentials = (extended.client_id, extended.client_secret)
    url = f"{extended.accounts_url}/api/token"
    ours = httpx.post(url, auth=credentials, data={"grant_type": "client_credentials"}).json()
    real = recorded.read("spotify-web-api-java/ClientCredentials.json")
    assert differences(ours, real) == set()
    assert {key: ours[key] for key in ("token_type", "expires_in")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    refused = httpx.post(url, auth=("nobody", ""), data={"grant_type": "client_credentials"})
    assert refused.json() == recorded.read("spotify-web-api-java/auth-invalid-client.json")


def test_errors_are_as_recorded(
    recorded: Recordings, development: RunningSandbox, development_api: httpx.Client
) -> None:
    artist = artist_ids(development)[0]
    ours = {
        400: development_api.get("/search?q=a&type=track&limit=11"),
        401: httpx.get(f"{development.api_url}/artists/{artist}"),
        403: development_api.get("/playlists/37i9dQZEVXbfI1OlPEmIm5/tracks"),
        404: development_api.get(f"/artists/{'0' * 22}"),
    }
    for status, response in ours.items():
        real = recorded.observed_error(status)
        assert (response.status_code, response.json()) == (status, real["body"])
        for name, value in real.get("headers", {}).items():
            assert response.headers[name] == value
    development.control.exhaust_quota("/artists/")
    assert development_api.get(f"/artists/{artist}").json() == recorded.observed_error(429)["body"]
