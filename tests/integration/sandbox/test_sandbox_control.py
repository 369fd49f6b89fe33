"""Tests of the sandbox's control endpoints and their client."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import httpx
import pytest

from spotify_sandbox.control import SandboxControl
from spotify_sandbox.testing import RunningSandbox
from tests.integration.sandbox.api_client import artist_ids, get

pytestmark = pytest.mark.integration


@pytest.fixture
def url(development: RunningSandbox) -> str:
    return f"/artists/{artist_ids(development)[1]}"


@pytest.fixture
def control(development: RunningSandbox) -> SandboxControl:
    return development.control


def test_the_clock_decides_which_catalogue_is_served(control: SandboxControl) -> None:
    assert control.set_clock("2026-11-22T23:00:00Z", frozen=True) == datetime(2026, 11, 22, 23, tzinfo=UTC)
    before = control.catalog()
    control.set_clock(datetime(2026, 11, 23, tzinfo=UTC))
    after = control.catalog()
    assert (before.served_date, after.served_date) == (date(2026, 11, 22), date(2026, 11, 23))
    assert after.album_count > before.album_count
    assert control.now() == datetime(2026, 11, 23, tzinfo=UTC)


def test_the_catalogue_lists_every_artist(control: SandboxControl) -> None:
    served = control.catalog()
    assert len(served.artists) == served.artist_count > 50
    assert 1_700 < served.track_count < 2_300
    assert all(len(artist_id) == 22 and name for artist_id, name in served.artists)


def test_calls_are_counted_from_a_given_number(
    control: SandboxControl, development_api: httpx.Client, url: str
) -> None:
    start = control.calls().last_number
    get(development_api, url)
    development_api.get("/artists/nonsense?market=SE")
    report = control.calls(since=start)
    assert (report.total, report.api_total, report.last_number) == (2, 2, start + 2)
    assert report.by_bucket == {"/v1/artists/{id}": 2}
    assert report.by_status == {200: 1, 400: 1}
    assert [(call["method"], call["path"], call["query"]) for call in report.recent] == [
        ("GET", f"/v1{url}", ""),
        ("GET", "/v1/artists/nonsense", "market=SE"),
    ]
    control.reset_calls()
    assert control.calls().total == 0


def test_the_call_log_contains_no_secret(development: RunningSandbox, control: SandboxControl) -> None:
    token = development.access_token()
    httpx.get(f"{development.api_url}/markets", headers={"Authorization": f"Bearer {token}"})
    report = httpx.get(f"{development.base_url}/_sandbox/calls").text
    assert token not in report
    assert development.client_secret not in report


def test_a_rate_limit_applies_to_the_given_number_of_calls(
    control: SandboxControl, development_api: httpx.Client, url: str
) -> None:
    control.rate_limit("/artists/", retry_after=7, times=2, after=1)
    responses = [development_api.get(url) for _ in range(4)]
    assert [each.status_code for each in responses] == [200, 429, 429, 200]
    assert responses[1].headers["retry-after"] == "7"
    assert responses[1].json() == {"error": {"status": 429, "message": "API rate limit exceeded"}}
    assert (control.faults()[0]["matched"], control.faults()[0]["applied"]) == (4, 2)


def test_a_quota_error_applies_to_its_endpoint_until_cleared(
    control: SandboxControl, development_api: httpx.Client, url: str
) -> None:
    control.exhaust_quota(r"^/v1/artists/\w+/albums", retry_after=86_207)
    refused = [development_api.get(f"{url}/albums") for _ in range(3)]
    assert {each.status_code for each in refused} == {429}
    assert refused[0].json()["error"]["reason"] == "QUOTA_EXCEEDED"
    assert refused[0].headers["retry-after"] == "86207"
    assert development_api.get(url).status_code == 200
    control.clear_faults()
    assert development_api.get(f"{url}/albums").status_code == 200


def test_errors_can_be_plain_text(control: SandboxControl, development_api: httpx.Client, url: str) -> None:
    control.add_fault("status", status=429, body="Too many requests", headers={"Retry-After": "1"})
    got = development_api.get(url)
    assert (got.status_code, got.text) == (429, "Too many requests")
    assert got.headers["content-type"].startswith("text/plain")
    control.add_fault("status", status=502)
    assert (development_api.get(url).status_code, development_api.get(url).status_code) == (502, 200)


def test_a_cut_response_ends_the_connection(
    control: SandboxControl, development_api: httpx.Client, url: str
) -> None:
    control.add_fault("cut", body_bytes=30)
    with pytest.raises(httpx.RemoteProtocolError, match="30 bytes"):
        development_api.get(url)
    assert development_api.get(url).status_code == 200


def test_a_truncated_body_is_complete_http_and_broken_json(
    control: SandboxControl, development_api: httpx.Client, url: str
) -> None:
    whole = development_api.get(url).content
    control.add_fault("truncate", body_bytes=30)
    got = development_api.get(url)
    assert (got.status_code, got.content) == (200, whole[:30])
    assert got.headers["content-length"] == "30"


def test_a_response_can_be_html_instead_of_json(
    control: SandboxControl, development_api: httpx.Client, url: str
) -> None:
    control.add_fault("not_json")
    got = development_api.get(url)
    assert (got.status_code, got.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert got.text.startswith("<!DOCTYPE html>")


def test_a_response_can_be_late_or_never_come(
    control: SandboxControl, development_api: httpx.Client, url: str
) -> None:
    control.add_fault("latency", seconds=0.3)
    started = time.monotonic()
    assert development_api.get(url).status_code == 200
    assert time.monotonic() - started >= 0.3
    control.add_fault("hang", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        development_api.get(url, timeout=0.3)
    control.add_fault("hang", seconds=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        development_api.get(url, timeout=5)


@pytest.mark.parametrize(
    ("method", "name", "body", "message"),
    [
        ("PUT", "clock", '{"now": "soon"}', "Invalid isoformat string"),
        ("PUT", "clock", '{"time": "2026-11-22"}', "unknown key time"),
        ("PUT", "clock", '{"frozen": 1}', "frozen must be true or false"),
        ("PUT", "clock", "[]", "the body must be a JSON object"),
        ("POST", "faults", '[{"kind": "cut"}, {"kind": "boom"}]', "kind must be one of"),
        ("POST", "faults", "{", "unexpected end of data"),
    ],
)
def test_a_wrong_clock_or_fault_is_refused_with_the_reason(
    development: RunningSandbox, method: str, name: str, body: str, message: str
) -> None:
    response = httpx.request(method, f"{development.base_url}/_sandbox/{name}", content=body)
    assert response.status_code == 400
    assert message in response.json()["error"]
    assert development.control.faults() == [], "a list with one wrong fault adds none"


def test_a_lapsed_subscription_is_refused_in_plain_text(
    control: SandboxControl, development_api: httpx.Client, url: str
) -> None:
    control.lapse_premium()
    refused = development_api.get(url)
    assert (refused.status_code, len(refused.content)) == (403, 159)
    assert refused.headers["content-type"].startswith("text/plain")
    control.clear_faults()
    assert development_api.get(url).status_code == 200


@pytest.mark.parametrize(
    ("method", "name", "body", "message"),
    [
        ("PUT", "consent", {"name": "listener1"}, "unknown key name; known are auto_approve, deny"),
        ("PUT", "consent", {"auto_approve": "nobody"}, "no user 'nobody'; there are listener1"),
        ("PUT", "consent", {"auto_approve": None, "deny": 1}, "deny must be true or false"),
        ("POST", "authorizations", {"user": "nobody"}, "no user 'nobody'"),
        ("POST", "authorizations", {"user": "listener1", "scopes": ["all"]}, "scopes must be a list of"),
        ("POST", "authorizations", {"user": "listener1", "authorized_at": "may"}, "Invalid isoformat"),
        ("POST", "authorizations", {"user": "listener1", "refresh_token": 5}, "refresh_token must be text"),
        ("PUT", "tokens", {"expired": False}, "expired must be true"),
        ("DELETE", "authorizations?user=nobody", None, "no user 'nobody'"),
        ("PUT", "clock", [], "the body must be a JSON object"),
    ],
)
def test_a_wrong_control_call_is_refused_with_the_reason(
    development: RunningSandbox, method: str, name: str, body: object, message: str
) -> None:
    refused = httpx.request(method, f"{development.base_url}/_sandbox/{name}", json=body)
    assert refused.status_code == 400
    assert message in refused.json()["error"]
