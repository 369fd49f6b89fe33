"""Tests that responses for both classes of app conform to Spotify's own OpenAPI description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from openapi_schema_validator import OAS30Validator

from spotify_sandbox.testing import RunningSandbox
from tests.integration.sandbox.api_client import album_ids, artist_ids, get

pytestmark = pytest.mark.integration

# removed for Development Mode in February 2026; the description still requires those of albums
REMOVED = {
    "artist": {"followers", "popularity"},
    "album": {"album_group", "available_markets", "label", "popularity"},
    "track": {"available_markets", "linked_from", "popularity"},
}


@pytest.fixture(scope="module")
def description(reference_data: Path) -> Any:
    text = (reference_data / "official-spotify-open-api.yml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.CSafeLoader)


def schema_errors(description: Any, path: str, status: str, body: Any) -> list[Any]:
    """Return how a body differs from the described response to GET `path`."""
    response = description["paths"][path]["get"]["responses"][status]
    if "$ref" in response:
        response = description["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    schema = response["content"]["application/json"]["schema"]
    validator = OAS30Validator({"allOf": [schema], "components": description["components"]})
    return [leaf for error in validator.iter_errors(body) for leaf in leaves(error)]


def leaves(error: Any) -> Iterator[Any]:
    if not error.context:
        yield error
    for inner in error.context or ():
        yield from leaves(inner)


def responses(api: httpx.Client, sandbox: RunningSandbox, *, several: bool) -> Iterator[tuple[str, Any]]:
    """Yield (path in the description, body) for artists, albums, tracks and lists of them."""
    for artist in artist_ids(sandbox)[:40]:
        yield "/artists/{id}", get(api, f"/artists/{artist}")
        yield "/artists/{id}/albums", get(api, f"/artists/{artist}/albums", limit=10)
    albums = album_ids(api, sandbox)
    for album in albums[::5]:
        body = get(api, f"/albums/{album}")
        yield "/albums/{id}", body
        yield "/albums/{id}/tracks", get(api, f"/albums/{album}/tracks", limit=3, offset=1)
        yield "/tracks/{id}", get(api, f"/tracks/{body['tracks']['items'][-1]['id']}")
    yield "/search", get(api, "/search", q="a", type="artist,album,track")
    if several:
        yield "/artists", get(api, "/artists", ids=",".join(artist_ids(sandbox)[:50]))
        yield "/albums", get(api, "/albums", ids=",".join(albums[:20]))
        yield "/artists/{id}/top-tracks", get(api, f"/artists/{artist_ids(sandbox)[1]}/top-tracks")
        yield "/browse/new-releases", get(api, "/browse/new-releases")
        yield "/markets", get(api, "/markets")


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def test_the_validator_finds_a_wrong_response(
    description: Any, extended: RunningSandbox, extended_api: httpx.Client
) -> None:
    album = get(extended_api, f"/albums/{album_ids(extended_api, extended)[0]}")
    assert schema_errors(description, "/albums/{id}", "200", album) == []
    for wrong in (
        {**album, "release_date_precision": "week"},
        {**album, "artists": [{**album["artists"][0], "name": 5}]},
        {key: value for key, value in album.items() if key != "release_date"},
    ):
        assert schema_errors(description, "/albums/{id}", "200", wrong)


@pytest.mark.slow
def test_extended_responses_conform_to_the_description(
    description: Any, extended: RunningSandbox, extended_api: httpx.Client
) -> None:
    count = 0
    for path, body in responses(extended_api, extended, several=True):
        found = schema_errors(description, path, "200", body)
        assert not found, f"{path}: {found[0].json_path}: {found[0].message}"
        count += 1
    assert count > 150


def test_with_a_market_only_available_markets_is_absent(
    description: Any, extended: RunningSandbox, extended_api: httpx.Client
) -> None:
    # the description requires the key on albums, the recorded responses to requests with a market lack it
    for album in album_ids(extended_api, extended)[::20]:
        body = get(extended_api, f"/albums/{album}", market="ES")
        found = schema_errors(description, "/albums/{id}", "200", body)
        assert {error.message for error in found} == {"'available_markets' is a required property"}
        track = get(extended_api, f"/tracks/{body['tracks']['items'][0]['id']}", market="ES")
        assert isinstance(track["is_playable"], bool)


@pytest.mark.slow
def test_development_lacks_the_removed_fields_only(
    description: Any, development: RunningSandbox, development_api: httpx.Client
) -> None:
    for path, body in responses(development_api, development, several=False):
        for found in schema_errors(description, path, "200", body):
            assert found.validator == "required", f"{path}: {found.json_path}: {found.message}"
            kind = found.instance["type"]
            missing = set(found.validator_value) - set(found.instance)
            assert missing <= REMOVED[kind], f"{path}: {found.json_path}: {found.message}"
        for each in objects(body):
            assert not REMOVED.get(each.get("type", ""), set()) & set(each), (
                f"{path}: a removed field in {each}"
            )


def user_responses(api: httpx.Client) -> Iterator[tuple[str, Any]]:
    """Yield (path in the description, body) of a user's data.

    Where the description allows several kinds in a list, each track or artist is yielded alone.
    """
    yield "/me", get(api, "/me")
    yield "/me/tracks", get(api, "/me/tracks", limit=50)
    plays = without_nulls(get(api, "/me/player/recently-played", limit=50))
    yield (
        "/me/player/recently-played",
        plays | {"items": [each for each in plays["items"] if each["context"]]},
    )
    yield "/me/playlists", get(api, "/me/playlists")
    followed = without_nulls(get(api, "/me/following", type="artist", limit=50)["artists"])
    followed["cursors"] = without_nulls(followed["cursors"])
    yield "/me/following", {"artists": followed}
    for track in get(api, "/me/top/tracks", limit=50)["items"]:
        yield "/tracks/{id}", track
    for artist in get(api, "/me/top/artists", limit=50)["items"]:
        yield "/artists/{id}", artist
    for playlist in get(api, "/me/playlists")["items"]:
        got = api.get(f"/playlists/{playlist['id']}/items", params={"limit": 50})
        for entry in got.json().get("items", ()):
            if entry["item"] and entry["item"]["type"] == "track" and not entry["is_local"]:
                yield "/tracks/{id}", entry["item"]


def without_nulls(page: dict[str, Any]) -> dict[str, Any]:
    """Return the page without keys that are null, which the description does not allow."""
    return {key: value for key, value in page.items() if value is not None}


def test_development_user_data_lacks_removed_fields_only(
    description: Any, development_user: httpx.Client
) -> None:
    seen: Counter[str] = Counter()
    for path, body in user_responses(development_user):
        seen[path] += 1
        for found in schema_errors(description, path, "200", body):
            assert found.validator == "required", f"{path}: {found.json_path}: {found.message}"
            missing = set(found.validator_value) - set(found.instance)
            assert missing <= REMOVED[found.instance["type"]], f"{path}: {found.message}"
        for each in objects(body):
            assert not REMOVED.get(each.get("type", ""), set()) & set(each), f"{path}: a removed field"
    assert set(seen) == {
        "/me",
        "/me/tracks",
        "/me/player/recently-played",
        "/me/playlists",
        "/me/following",
        "/tracks/{id}",
        "/artists/{id}",
    }
    assert seen["/tracks/{id}"] > 100


def test_errors_conform_to_the_description(
    description: Any, development: RunningSandbox, development_api: httpx.Client
) -> None:
    without_token = httpx.get(f"{development.api_url}/artists/none")
    removed = development_api.get("/artists")
    development.control.exhaust_quota("/search")
    over_quota = development_api.get("/search")
    for path, status, response in (
        ("/artists/{id}", 401, without_token),
        ("/artists", 403, removed),
        ("/search", 429, over_quota),
    ):
        assert response.status_code == status
        assert schema_errors(description, path, str(status), response.json()) == []
