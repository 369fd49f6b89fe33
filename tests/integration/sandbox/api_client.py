"""HTTP requests to a sandbox that several tests share."""

from __future__ import annotations

from typing import Any

import httpx

from spotify_sandbox.testing import RunningSandbox


def client_of(sandbox: RunningSandbox, token: str | None = None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token or sandbox.access_token()}"}
    return httpx.Client(base_url=sandbox.api_url, headers=headers)


def get(api: httpx.Client, url: str, **query: Any) -> Any:
    response = api.get(url, params=query or None)
    assert response.status_code == 200, response.text
    return response.json()


def all_items(api: httpx.Client, url: str, **query: Any) -> list[Any]:
    """Items of every page, following `next`."""
    got = get(api, url, **query)
    items = list(got["items"])
    while got["next"]:
        got = get(api, got["next"])
        items += got["items"]
    return items


def artist_ids(sandbox: RunningSandbox) -> list[str]:
    return [artist_id for artist_id, _ in sandbox.control.catalog().artists]


def busiest_artist(api: httpx.Client, sandbox: RunningSandbox) -> str:
    """The artist with the most albums of the first few, which the generator draws most often."""
    return max(
        artist_ids(sandbox)[:6], key=lambda artist: get(api, f"/artists/{artist}/albums", limit=1)["total"]
    )


def album_ids(api: httpx.Client, sandbox: RunningSandbox) -> list[str]:
    """Every album that some artist lists."""
    found: dict[str, None] = {}
    for artist in artist_ids(sandbox):
        found |= dict.fromkeys(album["id"] for album in all_items(api, f"/artists/{artist}/albums", limit=10))
    return list(found)
