"""Limits by count, over real HTTP."""

from __future__ import annotations

import httpx
import pytest

from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.sandbox.conftest import client_of
from tests.integration.sandbox.walking import artist_ids

pytestmark = pytest.mark.integration


def test_the_rate_limit_rolls_by_the_sandboxes_clock(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    artist = artist_ids(development)[0]
    development.control.set_clock("2026-11-22T06:00:00Z", frozen=True)
    development.control.set_limits(rate_limit=2)
    statuses = [development_api.get(f"/artists/{artist}").status_code for _ in range(2)]
    refused = development_api.get(f"/artists/{artist}/albums")
    assert (statuses, refused.status_code) == ([200, 200], 429)
    assert refused.json() == {"error": {"status": 429, "message": "API rate limit exceeded"}}
    assert refused.headers["retry-after"] == "30"
    development.control.set_clock("2026-11-22T06:00:30Z")
    assert development_api.get(f"/artists/{artist}").status_code == 200
    state = development.control.limits()
    assert (state["in_window"], state["refused"]) == (1, {"/v1/artists/{id}/albums": 1})


def test_a_quota_stops_its_bucket_and_no_other(
    development: RunningSandbox, development_api: httpx.Client
) -> None:
    artist = artist_ids(development)[0]
    bucket = "/v1/artists/{id}/albums"
    development.control.set_limits(quotas={bucket: 3}, quota_window=3600, penalty=60)
    development.control.set_clock("2026-11-22T06:00:00Z", frozen=True)
    albums = [development_api.get(f"/artists/{artist}/albums") for _ in range(5)]
    assert [answer.status_code for answer in albums] == [200, 200, 200, 429, 429]
    assert albums[3].json()["error"]["reason"] == "QUOTA_EXCEEDED"
    assert [answer.headers["retry-after"] for answer in albums[3:]] == ["3600", "3660"]
    assert development_api.get(f"/artists/{artist}").status_code == 200
    development.control.set_clock("2026-11-22T07:01:00Z")
    with client_of(development) as api:
        assert api.get(f"/artists/{artist}/albums").status_code == 200
    development.control.reset_limits()
    assert development.control.limits()["used"] == {}


def test_limits_from_the_command_line() -> None:
    arguments = ["--rate-limit", "4", "--quota", "/v1/artists/{id}=1", "--quota", "/v1/me=0"]
    with running(size=50, arguments=arguments) as sandbox, client_of(sandbox, sandbox.user_token()) as api:
        artist = artist_ids(sandbox)[0]
        assert [api.get(f"/artists/{artist}").status_code for _ in range(2)] == [200, 429]
        assert api.get("/me").json()["error"]["reason"] == "QUOTA_EXCEEDED"
        assert [api.get("/me/playlists").status_code for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"rate": 5}, "unknown key rate"),
        ({"rate_limit": "5"}, "rate_limit must be a whole number"),
        ({"quotas": {"/v1/me": True}}, "quotas must be an object of bucket and whole number"),
        ({"penalty": "5"}, "penalty must be a number of seconds"),
        ({"quotas": {"me": 5}}, "is no bucket"),
    ],
)
def test_bad_settings_are_named(development: RunningSandbox, body: object, complaint: str) -> None:
    refused = httpx.put(f"{development.base_url}/_sandbox/limits", json=body)
    assert refused.status_code == 400
    assert complaint in refused.json()["error"]
