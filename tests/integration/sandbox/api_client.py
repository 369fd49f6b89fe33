"""Helpers that send HTTP requests to a sandbox."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from spotify_sandbox.accounts.authorizations import challenge_of
from spotify_sandbox.control import trusted_certificates
from spotify_sandbox.testing import RunningSandbox

REDIRECT = "http://127.0.0.1:5000/callback"
VERIFIER = secrets.token_urlsafe(48)


def client_of(sandbox: RunningSandbox, token: str | None = None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token or sandbox.access_token()}"}
    return httpx.Client(base_url=sandbox.api_url, headers=headers, verify=trusted_certificates())


def get(api: httpx.Client, url: str, **query: Any) -> Any:
    response = api.get(url, params=query or None)
    assert response.status_code == 200, response.text
    return response.json()


def all_items(api: httpx.Client, url: str, **query: Any) -> list[Any]:
    """Return the items of every page by following `next`."""
    page = get(api, url, **query)
    items = list(page["items"])
    while page["next"]:
        page = get(api, page["next"])
        items += page["items"]
    return items


def artist_ids(sandbox: RunningSandbox) -> list[str]:
    return [artist_id for artist_id, _ in sandbox.control.catalog().artists]


def busiest_artist(api: httpx.Client, sandbox: RunningSandbox) -> str:
    """Return the artist with the most albums of the first six, to which the generator gives most albums."""
    return max(
        artist_ids(sandbox)[:6], key=lambda artist: get(api, f"/artists/{artist}/albums", limit=1)["total"]
    )


def album_ids(api: httpx.Client, sandbox: RunningSandbox) -> list[str]:
    """Return the id of every album that an artist lists."""
    found: dict[str, None] = {}
    for artist in artist_ids(sandbox):
        found |= dict.fromkeys(album["id"] for album in all_items(api, f"/artists/{artist}/albums", limit=10))
    return list(found)


def authorization_parameters(sandbox: RunningSandbox, **changes: str) -> dict[str, str]:
    """Return the query parameters of a request for a user's consent; an empty change removes one."""
    parameters = {
        "client_id": sandbox.client_id,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "user-library-read user-top-read",
        "state": "a state/with=signs&",
        "code_challenge_method": "S256",
        "code_challenge": challenge_of(VERIFIER),
    }
    return {key: value for key, value in (parameters | changes).items() if value}
