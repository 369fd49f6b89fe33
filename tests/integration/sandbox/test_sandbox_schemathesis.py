"""Checks responses to requests that schemathesis generates from Spotify's OpenAPI description.

Where the recorded responses show that the description is wrong, it is corrected first; a comment explains
each correction.
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
    """Remove Spotify's own keys: they contain broken references, at which schemathesis stops silently."""
    if isinstance(value, dict):
        return {key: without_extensions(each) for key, each in value.items() if not str(key).startswith("x-")}
    return [without_extensions(each) for each in value] if isinstance(value, list) else value


def corrected(description: Any, sandbox: RunningSandbox, api: httpx.Client) -> Any:
    """Return the description of the operations that the sandbox serves, corrected and with ids that exist."""
    schemas, responses = description["components"]["schemas"], description["components"]["responses"]
    paths = {path: {"get": description["paths"][path]["get"]} for path in PATHS}
    # Spotify returns 400 and 404, which are not described
    for operation in (each["get"] for each in paths.values()):
        for status in ("400", "404"):
            operation["responses"].setdefault(status, error())
        operation.pop("security", None)
    # keys that are null in the recorded responses
    for name, keys in {
        "CursorPagingObject": ("next", "cursors"),
        "PlayHistoryObject": ("context",),
        "PlaylistTrackObject": ("added_at",),
        "PlaylistObject": ("public",),
        "SimplifiedPlaylistObject": ("public",),
    }.items():
        for key in keys:
            schemas[name]["properties"][key] = {"anyOf": [schemas[name]["properties"][key]], "nullable": True}
    # entries that are null, and local tracks, which have no ids
    local = {"type": "object", "properties": {"is_local": {"enum": [True]}, "id": {"enum": [None]}}}
    for key in ("item", "track"):
        held = schemas["PlaylistTrackObject"]["properties"][key].pop("oneOf")
        schemas["PlaylistTrackObject"]["properties"][key] = {
            "anyOf": [*held, {**local, "required": ["is_local", "id"]}],
            "nullable": True,
        }
    # Spotify returns null for an unknown id
    for name, key in (("ManyArtists", "artists"), ("ManyAlbums", "albums"), ("ManyTracks", "tracks")):
        listed = responses[name]["content"]["application/json"]["schema"]["properties"][key]
        listed["items"] = {"anyOf": [listed["items"]], "nullable": True}
    # top tracks only; test_sandbox_me.py reads top artists
    parameters = paths["/me/top/{type}"]["get"]["parameters"]
    parameters[0]["schema"] = {"type": "string", "enum": ["tracks"]}
    # an album that is requested with a market has no available_markets
    schemas["AlbumBase"]["required"].remove("available_markets")
    # small offsets, so that pages have items
    for parameter in (
        each for path in paths.values() for each in resolved_parameters(description, path["get"])
    ):
        if parameter["name"] == "offset":
            parameter["schema"] |= {"minimum": 0, "maximum": 40}
    for path, ids in known_ids(sandbox, api).items():
        operation = paths[path]["get"]
        (name,) = {"id", "ids", "playlist_id"} & {
            each["name"] for each in resolved_parameters(description, operation)
        }
        described = next(each for each in resolved_parameters(description, operation) if each["name"] == name)
        operation["parameters"] = [
            *(each for each in resolved_parameters(description, operation) if each["name"] != name),
            {**described, "schema": {"type": "string", "enum": ids}},
        ]
    return {**description, "paths": paths}


def error() -> Any:
    schema = {"type": "object", "required": ["error"], "properties": {"error": {"type": "object"}}}
    return {"description": "refused", "content": {"application/json": {"schema": schema}}}


def known_ids(sandbox: RunningSandbox, api: httpx.Client) -> dict[str, list[str]]:
    """Return for each path a few ids that exist, one that does not and one that is malformed."""
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


def resolved_parameters(description: Any, operation: Any) -> list[Any]:
    """Return the operation's parameters with references resolved."""
    shared = description["components"]["parameters"]
    return [
        shared[each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each
        for each in operation.get("parameters", ())
    ]


def operations(schema: Any) -> list[Any]:
    """Return the operations of a description; raise if one cannot be parsed."""
    return [result.ok() for result in schema.get_all_operations()]


def statuses(operation: Any, mode: GenerationMode, base_url: str, token: str) -> Counter[int]:
    """Send generated requests, check each response, and count the statuses."""
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
def test_responses_to_generated_requests_are_as_described(
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
