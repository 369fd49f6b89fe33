"""Tests of the sandbox's playlists for both classes of app, over real HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from spotify_sandbox.testing import RunningSandbox
from tests.integration.sandbox.api_client import all_items, client_of, get

pytestmark = pytest.mark.integration
FORBIDDEN = {"error": {"status": 403, "message": "Forbidden"}}


def longest_playlist(sandbox: RunningSandbox, **wanted: Any) -> dict[str, Any]:
    """Return the longest playlist with these properties."""
    fits = [
        each
        for each in sandbox.control.playlists()
        if all(each[key] == value for key, value in wanted.items())
    ]
    return max(fits, key=lambda each: each["entries"])


@pytest.fixture
def listener2(development: RunningSandbox) -> Iterator[httpx.Client]:
    with client_of(development, development.user_token("listener2")) as api:
        yield api


def test_a_user_s_playlists_are_those_owned_and_followed(
    development: RunningSandbox, development_user: httpx.Client
) -> None:
    listed = get(development_user, "/me/playlists")
    owners = Counter(each["owner"]["id"] for each in listed["items"])
    assert owners == {"listener1": 4, "spotify": 1}
    for each in listed["items"]:
        assert "tracks" not in each
        assert each["items"]["href"] == f"{development.api_url}/playlists/{each['id']}/items"
    totals = {each["id"]: each["items"]["total"] for each in listed["items"]}
    assert totals == {
        each["id"]: each["entries"] for each in development.control.playlists() if each["id"] in totals
    }
    with client_of(development, development.user_token(scopes=["playlist-read-private"])) as api:
        assert not any(each["collaborative"] for each in get(api, "/me/playlists")["items"])


def test_an_owner_reads_every_entry_with_the_keys_of_2026(
    development: RunningSandbox, development_user: httpx.Client
) -> None:
    mine = longest_playlist(development, owner="listener1")
    entries = all_items(development_user, f"/playlists/{mine['id']}/items", limit=50)
    assert len(entries) == mine["entries"] > 100
    assert all("item" in entry for entry in entries)
    assert development_user.get(f"/playlists/{mine['id']}/items?limit=51").status_code == 400


def test_entries_are_tracks_local_tracks_episodes_or_null(
    development: RunningSandbox, development_user: httpx.Client
) -> None:
    entries = [
        entry
        for mine in get(development_user, "/me/playlists")["items"]
        if mine["owner"]["id"] == "listener1"
        for entry in all_items(development_user, f"/playlists/{mine['id']}/items", limit=50)
    ]
    held = [entry["item"] for entry in entries]
    local = [item for item in held if item and item.get("is_local")]
    episodes = [item for item in held if item and item["type"] == "episode"]
    assert None in held
    assert any(entry["added_at"] is None for entry in entries)
    assert local
    assert episodes
    for item in local:
        assert item["id"] is None
        assert item["uri"].startswith("spotify:local:")
        assert (item["album"]["id"], item["album"]["release_date"]) == (None, None)
    assert all(item["show"]["type"] == "show" for item in episodes)
    assert {entry["is_local"] for entry in entries if entry["item"] in local} == {True}


def test_some_entries_have_both_the_old_and_the_new_key(
    development: RunningSandbox, development_user: httpx.Client
) -> None:
    mine = longest_playlist(development, owner="listener1")
    pages = [
        get(development_user, f"/playlists/{mine['id']}/items", limit=1, offset=offset)["items"][0]
        for offset in range(60)
    ]
    both = [entry for entry in pages if "track" in entry]
    assert 2 <= len(both) <= 30
    assert all(entry["item"] == entry["track"] for entry in both)


def test_in_development_playlists_of_others_show_no_entries(
    development: RunningSandbox, listener2: httpx.Client
) -> None:
    editorial, public = (
        longest_playlist(development, owner="spotify"),
        longest_playlist(development, owner="listener1", public=True),
    )
    for each in (editorial, public):
        body = get(listener2, f"/playlists/{each['id']}")
        assert body["name"] == each["name"]
        assert not {"items", "tracks"} & body.keys()
        refused = listener2.get(f"/playlists/{each['id']}/items")
        assert (refused.status_code, refused.json()) == (403, FORBIDDEN)
    private = longest_playlist(development, owner="listener1", public=False, collaborative=False)
    for path in ("", "/items"):
        assert listener2.get(f"/playlists/{private['id']}{path}").status_code == 404


def test_a_collaborator_reads_entries_and_who_added_them(
    development: RunningSandbox, listener2: httpx.Client
) -> None:
    shared = longest_playlist(development, collaborative=True)
    entries = all_items(listener2, f"/playlists/{shared['id']}/items")
    assert len(entries) == shared["entries"]
    assert len({entry["added_by"]["id"] for entry in entries}) > 1
    assert "items" in get(listener2, f"/playlists/{shared['id']}")


def test_the_first_page_of_entries_is_in_the_playlist(
    development: RunningSandbox, development_user: httpx.Client
) -> None:
    mine = longest_playlist(development, owner="listener1")
    page = get(development_user, f"/playlists/{mine['id']}")["items"]
    items = list(page["items"])
    while page["next"]:
        page = get(development_user, page["next"])
        items += page["items"]
    direct = all_items(development_user, f"/playlists/{mine['id']}/items", limit=50)
    assert [entry["item"] for entry in items] == [entry["item"] for entry in direct]


def test_the_old_path_is_removed_in_development(
    development: RunningSandbox, development_user: httpx.Client
) -> None:
    mine = longest_playlist(development, owner="listener1")
    refused = development_user.get(f"/playlists/{mine['id']}/tracks")
    assert (refused.status_code, refused.json()) == (403, FORBIDDEN)


def test_playlists_need_a_user_and_a_scope(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    mine = longest_playlist(development, owner="listener1", public=False)
    with client_of(development, development.user_token(scopes=["user-top-read"])) as api:
        refused = api.get(f"/playlists/{mine['id']}/items")
        assert refused.json()["error"] == {"status": 403, "message": "Insufficient client scope"}
    assert development_api.get(f"/playlists/{mine['id']}").status_code == 401
    assert development_api.get("/playlists/nonsense").status_code == 400
    with client_of(development, development.user_token()) as api:
        assert api.get(f"/playlists/{'0' * 22}").status_code == 404


def test_an_extended_app_reads_playlists_without_a_user(
    extended: RunningSandbox, extended_api: httpx.Client
) -> None:
    editorial = longest_playlist(extended, owner="spotify")
    body = get(extended_api, f"/playlists/{editorial['id']}")
    assert "items" not in body
    assert body["tracks"]["limit"] == 100
    entries = all_items(extended_api, f"/playlists/{editorial['id']}/tracks")
    assert len(entries) == editorial["entries"] > 100
    assert all("item" not in entry for entry in entries)
    assert entries[:100] == body["tracks"]["items"]
    new = all_items(extended_api, f"/playlists/{editorial['id']}/items", limit=50)
    assert [entry["item"] for entry in new] == [entry["track"] for entry in entries]
    private = longest_playlist(extended, owner="listener1", public=False)
    assert extended_api.get(f"/playlists/{private['id']}/tracks").status_code == 404


def test_the_snapshot_id_changes_with_the_entries(
    development: RunningSandbox, development_user: httpx.Client
) -> None:
    mine = longest_playlist(development, owner="listener1")
    seen = {}
    for day in (22, 23, 24):
        development.control.set_clock(f"2026-11-{day}T06:00:00Z", frozen=True)
        with client_of(development, development.user_token()) as api:
            snapshot = get(api, f"/playlists/{mine['id']}")["snapshot_id"]
            entries = all_items(api, f"/playlists/{mine['id']}/items", limit=50)
            seen[snapshot] = [(entry["added_at"], (entry["item"] or {}).get("uri")) for entry in entries]
    assert len(seen) == 3
    first, second, third = seen.values()
    assert set(second) - set(first)
    assert set(first) - set(third)
    assert len(set(first) & set(third)) > 0.8 * len(first)
