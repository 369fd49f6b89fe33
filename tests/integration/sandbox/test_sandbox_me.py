"""Tests of the sandbox's endpoints under /me, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.sandbox.api_client import all_items, client_of, get

pytestmark = pytest.mark.integration
PLAYED = "/me/player/recently-played"


def cursor_of(play: Any) -> int:
    moment = datetime.strptime(play["played_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def test_the_profile_depends_on_the_app_class_and_the_scopes(
    development_user: httpx.Client, extended: RunningSandbox
) -> None:
    removed = {"country", "email", "explicit_content", "followers", "product"}
    assert not removed & get(development_user, "/me").keys()
    with client_of(extended, extended.user_token(scopes=[])) as api:
        assert removed & get(api, "/me").keys() == {"followers"}
    with client_of(extended, extended.user_token()) as api:
        assert removed <= get(api, "/me").keys()


def test_saved_tracks_can_be_read_page_by_page(development_user: httpx.Client) -> None:
    first = get(development_user, "/me/tracks")
    assert (first["limit"], len(first["items"])) == (20, 20)
    saved = all_items(development_user, "/me/tracks", limit=50)
    assert len(saved) == first["total"] > 50
    assert len({each["track"]["id"] for each in saved}) == len(saved)
    assert [each["added_at"] for each in saved] == sorted((each["added_at"] for each in saved), reverse=True)
    assert development_user.get("/me/tracks?limit=51").json()["error"]["message"] == "Invalid limit"


def test_saved_tracks_follow_the_clock(development: RunningSandbox, development_user: httpx.Client) -> None:
    def ids() -> list[str]:
        return [each["track"]["id"] for each in all_items(development_user, "/me/tracks", limit=50)]

    development.control.set_clock("2026-11-22T06:00:00Z", frozen=True)
    before = ids()
    development.control.set_clock("2026-11-22T06:50:00Z")
    soon = ids()
    development.control.set_clock("2026-11-22T06:00:00Z")
    assert ids() == before
    assert len(set(soon) ^ set(before)) <= 2


def test_top_tracks_depend_on_the_time_range(development_user: httpx.Client) -> None:
    lists = {
        span: [
            track["id"] for track in all_items(development_user, "/me/top/tracks", time_range=span, limit=50)
        ]
        for span in ("short_term", "medium_term", "long_term")
    }
    assert len({tuple(ids) for ids in lists.values()}) == 3
    assert all(len(ids) == len(set(ids)) == 60 for ids in lists.values())
    default = get(development_user, "/me/top/tracks")
    assert [track["id"] for track in default["items"]] == lists["medium_term"][:20]
    linked = get(development_user, "/me/top/tracks", time_range="short_term")["next"]
    assert "time_range=short_term" in linked
    refused = development_user.get("/me/top/tracks?time_range=always")
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "Invalid time range")


def test_top_artists_depend_on_the_time_range(development_user: httpx.Client) -> None:
    short, long = (
        [artist["id"] for artist in all_items(development_user, "/me/top/artists", time_range=span, limit=50)]
        for span in ("short_term", "long_term")
    )
    assert short != long
    assert len(short) == len(set(short)) > 0
    first = get(development_user, "/me/top/artists", limit=1, time_range="long_term")
    assert [artist["id"] for artist in first["items"]] == long[:1]
    assert {"followers", "popularity"}.isdisjoint(first["items"][0])


def test_followed_artists_are_paged_by_the_last_id(development_user: httpx.Client) -> None:
    whole = get(development_user, "/me/following", type="artist", limit=50)["artists"]
    ids = [artist["id"] for artist in whole["items"]]
    page = get(development_user, "/me/following", type="artist", limit=3)["artists"]
    found = page["items"]
    while page["next"]:
        after = page["cursors"]["after"]
        page = get(development_user, "/me/following", type="artist", limit=3, after=after)["artists"]
        assert page["total"] == whole["total"]
        found += page["items"]
    found = [artist["id"] for artist in found]
    assert page["cursors"]["after"] is None
    assert found[: len(ids)] == ids
    assert len(set(found)) == len(found) == whole["total"] > 3
    for query in ("", "?type=user", "?type=artist&after=x", "?type=artist&limit=51"):
        assert development_user.get(f"/me/following{query}").status_code == 400


def test_the_last_fifty_plays_are_paged_backwards(development_user: httpx.Client) -> None:
    first = get(development_user, PLAYED)
    assert set(first) == {"items", "next", "cursors", "limit", "href"}
    assert len(first["items"]) == first["limit"] == 20
    assert first["cursors"] == {
        "after": str(cursor_of(first["items"][0])),
        "before": str(cursor_of(first["items"][-1])),
    }
    plays = all_items(development_user, PLAYED, limit=20)
    cursors = [cursor_of(play) for play in plays]
    assert len(plays) == 50
    assert cursors == sorted(set(cursors), reverse=True)
    assert plays == get(development_user, PLAYED, limit=50)["items"]
    assert {play["context"]["type"] for play in plays if play["context"]} == {"playlist", "album", "artist"}
    assert any(play["context"] is None for play in plays)


def test_after_and_before_exclude_the_cursor_and_each_other(development_user: httpx.Client) -> None:
    cursors = [cursor_of(play) for play in get(development_user, PLAYED, limit=50)["items"]]
    newer = get(development_user, PLAYED, after=cursors[7], limit=50)
    assert [cursor_of(play) for play in newer["items"]] == cursors[:7]
    assert newer["next"] is None
    older = get(development_user, PLAYED, before=cursors[7], limit=50)
    assert [cursor_of(play) for play in older["items"]] == cursors[8:]
    nothing = get(development_user, PLAYED, after=cursors[0])
    assert (nothing["items"], nothing["cursors"], nothing["next"]) == ([], None, None)
    for query in ("after=1&before=2", "after=now", "before=-1", "after=", "limit=0", "limit=51"):
        assert development_user.get(f"{PLAYED}?{query}").status_code == 400, query


def test_hourly_reads_by_cursor_return_every_play_once(
    development: RunningSandbox, development_user: httpx.Client
) -> None:
    got: list[int] = []
    for hour in range(10, 24):
        development.control.set_clock(f"2026-11-22T{hour}:59:00Z", frozen=True)
        token = development.user_token("listener2")  # the user with the most plays
        with client_of(development, token) as api:
            after = {"after": got[-1]} if got else {}
            page = get(api, PLAYED, limit=50, **after)
            got += sorted(cursor_of(play) for play in page["items"])
            if hour == 23:
                kept = [cursor_of(play) for play in get(api, PLAYED, limit=50)["items"]]
    assert len(got) == len(set(got)) > 100
    assert sorted(kept) == got[-50:]


def test_users_have_different_libraries(development: RunningSandbox, development_user: httpx.Client) -> None:
    def first(api: httpx.Client) -> str:
        track_id: str = get(api, "/me/tracks", limit=1)["items"][0]["track"]["id"]
        return track_id

    with client_of(development, development.user_token("listener2")) as other:
        assert first(other) != first(development_user)


def test_a_user_s_tracks_can_be_read_by_id(development_user: httpx.Client) -> None:
    saved = all_items(development_user, "/me/tracks", limit=50)
    for each in saved[::10]:
        assert get(development_user, f"/tracks/{each['track']['id']}") == each["track"]


def test_a_catalogue_folder_has_user_libraries_too(reference_data: Any) -> None:
    with (
        running(catalog=reference_data / "catalogue", clock="2021-03-19T12:00:00Z") as sandbox,
        client_of(sandbox, sandbox.user_token()) as api,
    ):
        assert len(get(api, PLAYED, limit=50)["items"]) == 50
        assert get(api, "/me/tracks")["total"] > 50
        assert get(api, "/me/top/tracks")["total"] == 60


def test_from_token_means_the_user_s_country(
    development: RunningSandbox, development_user: httpx.Client, development_api: httpx.Client
) -> None:
    country = next(user["country"] for user in development.control.users() if user["id"] == "listener1")
    development.control.set_clock("2026-11-22T06:00:00Z", frozen=True)
    own = get(development_user, "/me/tracks", market="from_token")["items"]
    assert own == get(development_user, "/me/tracks", market=country)["items"]
    assert all(isinstance(each["track"]["is_playable"], bool) for each in own)
    url = f"/tracks/{own[0]['track']['id']}"
    assert development_api.get(f"{url}?market=from_token").status_code == 401
    assert development_api.get(f"{url}?market=Spain").json()["error"]["message"] == "Invalid market code"
