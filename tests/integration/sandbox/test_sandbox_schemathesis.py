"""Requests that schemathesis generates from Spotify's OpenAPI description, and checks of the responses.

Where the description is wrong about the real service (by the recorded responses) it is corrected first:
each correction below says how.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from spotify_sandbox.testing import RunningSandbox
from tests.integration.sandbox.api_client import artist_ids, get

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PATHS = (
    "/artists/{id}",
    "/artists/{id}/albums",
    "/artists/{id}/top-tracks",
    "/albums/{id}",
    "/albums/{id}/tracks",
    "/tracks/{id}",
    "/search",
    "/artists",
    "/albums",
    "/tracks",
    "/browse/new-releases",
    "/markets",
    "/me",
    "/me/tracks",
    "/me/top/{type}",
    "/me/player/recently-played",
    "/me/playlists",
    "/playlists/{playlist_id}",
    "/playlists/{playlist_id}/items",
    "/playlists/{playlist_id}/tracks",
)
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
EXAMPLES = 8


@pytest.fixture
def description(reference_data: Path) -> Any:
    text = (reference_data / "official-spotify-open-api.yml").read_text(encoding="utf-8")
    return without_extensions(yaml.load(text, Loader=yaml.CSafeLoader))


def without_extensions(value: Any) -> Any:
    """Spotify's own keys hold references to nothing, at which schemathesis gives up without a word."""
    if isinstance(value, dict):
        return {key: without_extensions(each) for key, each in value.items() if not str(key).startswith("x-")}
    return [without_extensions(each) for each in value] if isinstance(value, list) else value


def corrected(description: Any, sandbox: RunningSandbox, api: httpx.Client) -> Any:
    """The operations that the sandbox serves, with ids that exist, and with what Spotify really returns."""
    schemas, responses = description["components"]["schemas"], description["components"]["responses"]
    paths = {path: {"get": description["paths"][path]["get"]} for path in PATHS}
    # 400 and 404 are returned, but not described
    for operation in (each["get"] for each in paths.values()):
        for status in ("400", "404"):
            operation["responses"].setdefault(status, error())
        operation.pop("security", None)
    # null in the recorded responses
    for name, keys in {
        "CursorPagingObject": ("next", "cursors"),
        "PlayHistoryObject": ("context",),
        "PlaylistTrackObject": ("added_at",),
        "PlaylistObject": ("public",),
        "SimplifiedPlaylistObject": ("public",),
    }.items():
        for key in keys:
            schemas[name]["properties"][key] = {"anyOf": [schemas[name]["properties"][key]], "nullable": True}
    # entries without anything in them, and local tracks, which have no ids
    local = {"type": "object", "properties": {"is_local": {"enum": [True]}, "id": {"enum": [None]}}}
    for key in ("item", "track"):
        held = schemas["PlaylistTrackObject"]["properties"][key].pop("oneOf")
        schemas["PlaylistTrackObject"]["properties"][key] = {
            "anyOf": [*held, {**local, "required": ["is_local", "id"]}],
            "nullable": True,
        }
    # null for an unknown id
    for name, key in (("ManyArtists", "artists"), ("ManyAlbums", "albums"), ("ManyTracks", "tracks")):
        listed = responses[name]["content"]["application/json"]["schema"]["properties"][key]
        listed["items"] = {"anyOf": [listed["items"]], "nullable": True}
    # lists of a user's tracks only: the sandbox has no top artists
    parameters = paths["/me/top/{type}"]["get"]["parameters"]
    parameters[0]["schema"] = {"type": "string", "enum": ["tracks"]}
    # an album asked for with a market has no available_markets
    schemas["AlbumBase"]["required"].remove("available_markets")
    # pages that have something on them
    for parameter in (each for path in paths.values() for each in resolved(description, path["get"])):
        if parameter["name"] == "offset":
            parameter["schema"] |= {"minimum": 0, "maximum": 40}
    for path, ids in known_ids(sandbox, api).items():
        operation = paths[path]["get"]
        (name,) = {"id", "ids", "playlist_id"} & {each["name"] for each in resolved(description, operation)}
        described = next(each for each in resolved(description, operation) if each["name"] == name)
        operation["parameters"] = [
            *(each for each in resolved(description, operation) if each["name"] != name),
            {**described, "schema": {"type": "string", "enum": ids}},
        ]
    return {**description, "paths": paths}


def error() -> Any:
    schema = {"type": "object", "required": ["error"], "properties": {"error": {"type": "object"}}}
    return {"description": "refused", "content": {"application/json": {"schema": schema}}}


def known_ids(sandbox: RunningSandbox, api: httpx.Client) -> dict[str, list[str]]:
    """A few ids that exist for each path, one that does not and one that is none."""
    artists = artist_ids(sandbox)[1:4]
    albums = [get(api, f"/artists/{artist}/albums", limit=1)["items"][0]["id"] for artist in artists]
    tracks = [get(api, f"/albums/{album}")["tracks"]["items"][0]["id"] for album in albums]
    playlists = [each["id"] for each in sandbox.control.playlists()]
    kinds = {"artists": artists, "albums": albums, "tracks": tracks, "playlists": playlists}
    bad = ["0" * 22, "none"]
    single = {path: kinds[path.split("/")[1]] + bad for path in PATHS if "id}" in path}
    several = {
        f"/{kind}": [*kinds[kind], ",".join([*kinds[kind], bad[0]]), *bad]
        for kind in ("artists", "albums", "tracks")
    }
    return single | several


def resolved(description: Any, operation: Any) -> list[Any]:
    """The operation's parameters without references."""
    shared = description["components"]["parameters"]
    return [
        shared[each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each
        for each in operation.get("parameters", ())
    ]


def operations(schema: Any) -> list[Any]:
    """The operations of a description, each of which can be read."""
    return [result.ok() for result in schema.get_all_operations()]


def statuses(operation: Any, mode: GenerationMode, base_url: str, token: str) -> Counter[int]:
    """Statuses of the responses to generated requests, each of which has passed the checks."""
    seen: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        response = case.call(base_url=base_url, headers=headers)
        seen[response.status_code] += 1
        case.validate_response(response, checks=CHECKS, headers=headers)

    check()
    return seen


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
def test_generated_requests_get_described_responses(
    description: Any, extended: RunningSandbox, extended_user: httpx.Client, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(corrected(description, extended, extended_user))
    token = extended.user_token()
    seen: Counter[int] = Counter()
    for operation in operations(schema):
        if mode is GenerationMode.POSITIVE or list(operation.iter_parameters()):
            seen += statuses(operation, mode, extended.api_url, token)
    assert set(seen) <= {200, 400, 404}
    assert seen[200] >= len(PATHS) // 2
    assert seen[400] >= len(PATHS) // 2


def test_the_checks_find_a_wrong_response(
    description: Any, extended: RunningSandbox, extended_user: httpx.Client
) -> None:
    described = corrected(description, extended, extended_user)
    described["paths"] = {"/me/tracks": described["paths"]["/me/tracks"]}
    described["components"]["schemas"]["SavedTrackObject"]["properties"]["added_at"] = {"type": "integer"}
    (operation,) = operations(schemathesis.openapi.from_dict(described))
    token = extended.user_token()
    with pytest.raises(FailureGroup) as found:
        statuses(operation, GenerationMode.POSITIVE, extended.api_url, token)
    assert 'is not of type "integer"' in str(found.value.exceptions[0])
