"""Tests what the client does with each kind of response, over real HTTP."""

from __future__ import annotations

import gzip
import json
import logging
import select
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from httpcore._backends import sync

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import (
    ApiUnavailable,
    AuthenticationError,
    BodyCutShort,
    ConfigurationError,
    NotFound,
    PermissionDenied,
    PipelineError,
    RateLimited,
    RequestRefused,
    UnsafeLink,
)
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.client import REFUSALS_RETRIED, WAITS_MAX, SpotifyClient
from spotify_pipeline.spotify.headers import RETRY_AFTER_MAX
from spotify_pipeline.spotify.tokens import TOKEN_BUCKET
from spotify_sandbox.testing import RunningSandbox
from tests.integration.spotify.clients import ClientMaker
from tests.integration.spotify.scripted import DATE, Reply, ScriptedServer, Sleeps

pytestmark = pytest.mark.integration

ARTIST = "0TnOYISbd1XYRBk9myaseg"
PATH = f"/artists/{ARTIST}"
BUCKET = "GET /artists/{id}"
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
OK = Reply(body={"id": ARTIST})


def rate_limited(retry_after: str | None, reason: str | None = None, *, date: str | None = DATE) -> Reply:
    error: dict[str, Any] = {"status": 429, "message": "Too many requests"}
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Reply(429, {"error": error | ({"reason": reason} if reason else {})}, headers, date)


def test_a_response_has_its_body_and_the_time_of_the_api(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    artist_id, name = sandbox.control.catalog().artists[0]
    sandbox.control.set_clock("2021-03-18T23:59:58Z", frozen=True)
    response = sandbox_client().get(f"/artists/{artist_id}")
    sandbox.control.set_clock(frozen=False)
    assert json.loads(response.body) == response.document
    assert response.document["name"] == name
    assert response.observed_at == datetime(2021, 3, 18, 23, 59, 58, tzinfo=UTC)
    assert (response.status, response.bucket) == (200, BUCKET)


def test_the_date_of_the_api_comes_from_the_token_response(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    sandbox.control.set_clock("2021-03-18T12:00:00Z")
    client = sandbox_client()
    assert client.api_now().date().isoformat() == "2021-03-18"
    assert client.calls() == {TOKEN_BUCKET: 1}


def test_one_token_serves_many_threads(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    client = sandbox_client()
    artist_id = sandbox.control.catalog().artists[0][0]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.get(f"/artists/{artist_id}"), range(40)))
    assert sandbox.control.calls().by_bucket == {"/api/token": 1, "/v1/artists/{id}": 40}
    assert client.calls() == {TOKEN_BUCKET: 1, BUCKET: 40}


def test_threads_do_not_close_connections_of_each_other(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://github.com/encode/httpcore/issues/1110, made likely by a long look at idle connections."""
    monkeypatch.setattr(sync, "is_socket_readable", lambda used: bool(select.select([used], [], [], 0.01)[0]))
    client = sandbox_client(settings=Settings(request_timeout=3))
    artist_id = sandbox.control.catalog().artists[0][0]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.get(f"/artists/{artist_id}"), range(150)))
    assert client.calls()[BUCKET] == 150


def test_a_revoked_token_is_renewed_once(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    client = sandbox_client()
    artist_id = sandbox.control.catalog().artists[0][0]
    client.get(f"/artists/{artist_id}")
    sandbox.control.revoke_tokens()
    assert client.get(f"/artists/{artist_id}").status == 200
    assert sandbox.control.calls().by_bucket["/api/token"] == 2


def test_an_expired_token_is_renewed(sandbox: RunningSandbox, sandbox_client: ClientMaker) -> None:
    client = sandbox_client()
    artist_id = sandbox.control.catalog().artists[0][0]
    client.get(f"/artists/{artist_id}")
    sandbox.control.set_clock("2026-11-22T08:00:00Z")
    assert client.get(f"/artists/{artist_id}").observed_at.hour == 8


def test_the_error_for_a_wrong_secret_names_the_connection(sandbox_client: ClientMaker) -> None:
    client = sandbox_client(fields={"password": "wr0ng-word"})
    with pytest.raises(
        AuthenticationError, match=r"'spotify_api' \(invalid_client: .*\): put .* run again"
    ) as refused:
        client.get(PATH)
    assert "wr0ng-word" not in str(refused.value)
    assert client.calls() == {TOKEN_BUCKET: 1}


def test_an_unknown_id_is_not_found(sandbox_client: ClientMaker) -> None:
    client = sandbox_client()
    with pytest.raises(NotFound, match=rf"nothing at {PATH} "):
        client.get(PATH)
    assert client.calls()[BUCKET] == 1 + REFUSALS_RETRIED


def test_a_page_size_above_the_limit_is_a_configuration_error(sandbox_client: ClientMaker) -> None:
    with pytest.raises(ConfigurationError, match=r"\(Invalid limit\): set app_class"):
        sandbox_client().get("/search", {"q": "a", "type": "track", "limit": "11"})


@pytest.mark.parametrize("kind", ["cut", "truncate", "not_json"])
def test_a_damaged_body_is_fetched_again(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, kind: str
) -> None:
    artist_id = sandbox.control.catalog().artists[0][0]
    sandbox.control.add_fault(kind, path="/v1/artists", times=2)
    client = sandbox_client()
    assert client.get(f"/artists/{artist_id}").document["id"] == artist_id
    assert client.calls()[BUCKET] == 3


@pytest.mark.parametrize("kind", ["cut", "truncate", "not_json"])
def test_a_body_that_stays_damaged_is_an_error(
    sandbox: RunningSandbox, sandbox_client: ClientMaker, kind: str
) -> None:
    artist_id = sandbox.control.catalog().artists[0][0]
    sandbox.control.add_fault(kind, path="/v1/artists", times=None)
    client = sandbox_client()
    with pytest.raises(BodyCutShort, match=r"attempt 3 of 3"):
        client.get(f"/artists/{artist_id}")
    assert client.calls()[BUCKET] == 3


def test_a_server_error_is_retried_and_then_reported(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    artist_id = sandbox.control.catalog().artists[0][0]
    sandbox.control.add_fault("status", status=503, path="/v1/artists", times=2)
    assert sandbox_client().get(f"/artists/{artist_id}").status == 200
    sandbox.control.add_fault("status", status=502, path="/v1/artists", times=None)
    with pytest.raises(ApiUnavailable, match=r"/artists/\w{22} responds with 502, attempt 3 of 3"):
        sandbox_client().get(f"/artists/{artist_id}")


def test_a_server_that_hangs_is_an_error_after_the_timeout(
    sandbox: RunningSandbox, sandbox_client: ClientMaker
) -> None:
    client = sandbox_client(settings=Settings(request_timeout=0.2))
    client.api_now()
    sandbox.control.add_fault("hang", path="/v1/artists", seconds=5, times=None)
    with pytest.raises(ApiUnavailable, match=r"cannot be reached \(ReadTimeout.*attempt 3 of 3"):
        client.get(PATH)


def test_a_slow_body_is_an_error_after_the_timeout(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    # no single read takes long, but the whole response would take 10 s
    server.on("/v1" + PATH, Reply(body="x" * 500, drip=0.02))
    with pytest.raises(
        BodyCutShort, match=r"ended early \(ReadTimeout: not complete after 0.2 s\), attempt 3 of 3"
    ):
        scripted_client(request_timeout=0.2).get(PATH)


def test_the_error_for_a_closed_port_names_it(server: ScriptedServer, scripted_client: ClientMaker) -> None:
    client = scripted_client()
    client.api_now()
    client.api_url = "http://127.0.0.1:9/v1"
    with pytest.raises(ApiUnavailable, match=r"127\.0\.0\.1/v1/artists/\w+ cannot be reached \(ConnectError"):
        client.get(PATH)


def test_the_client_waits_for_a_short_rate_limit(
    server: ScriptedServer, scripted_client: ClientMaker, sleeps: Sleeps
) -> None:
    server.on("/v1" + PATH, rate_limited("3"), rate_limited("0"), rate_limited("60"), OK)
    assert scripted_client().get(PATH).status == 200
    assert sleeps == [3, 1, 60]


def test_an_endless_short_rate_limit_closes_the_bucket(
    server: ScriptedServer, scripted_client: ClientMaker, sleeps: Sleeps
) -> None:
    server.on("/v1" + PATH, rate_limited("2"))
    with pytest.raises(RateLimited):
        scripted_client().get(PATH)
    assert sleeps == [2] * WAITS_MAX


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (rate_limited("61"), timedelta(seconds=61)),
        (rate_limited("86207", "QUOTA_EXCEEDED"), timedelta(seconds=86_207)),
        (rate_limited("1", "QUOTA_EXCEEDED"), timedelta(seconds=1)),
        (rate_limited(None, "QUOTA_EXCEEDED"), timedelta(hours=1)),
        (rate_limited("Sun, 22 Nov 2026 08:00:00 GMT"), timedelta(hours=2)),
        (rate_limited("9" * 60), RETRY_AFTER_MAX),
        (Reply(429, "Too many requests", {"retry-after": "19056"}), timedelta(seconds=19_056)),
    ],
)
def test_a_long_rate_limit_closes_the_bucket_until_its_deadline(
    server: ScriptedServer, scripted_client: ClientMaker, sleeps: Sleeps, reply: Reply, wait: timedelta
) -> None:
    server.on("/v1" + PATH, reply)
    client = scripted_client()
    for _ in range(3):
        with pytest.raises(RateLimited, match=r"closed GET /artists/\{id\}") as closed:
            client.get(PATH)
        assert closed.value.deadline == NOW + wait
        assert closed.value.bucket == BUCKET
    assert server.count("/v1" + PATH) == 1
    assert sleeps == []
    server.on("/v1/search", Reply(body={}))
    assert client.get("/search").status == 200


def test_a_rate_limit_without_a_date_still_has_a_deadline(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    server.on("/v1" + PATH, rate_limited("100", date=None))
    with pytest.raises(RateLimited) as closed:
        scripted_client().get(PATH)
    # the API's time is that of the token response plus the time passed since
    assert timedelta(seconds=100) <= closed.value.deadline - NOW < timedelta(seconds=130)


@pytest.mark.parametrize("date", [None, "yesterday", [DATE, "Sat, 21 Nov 2026 06:00:00 GMT"]])
def test_a_response_without_one_readable_date_is_refused(
    server: ScriptedServer, scripted_client: ClientMaker, date: Any
) -> None:
    server.on("/v1" + PATH, Reply(body={}, date=date))
    with pytest.raises(ConfigurationError, match="without one readable Date header"):
        scripted_client().get(PATH)


def test_a_redirect_is_not_followed(server: ScriptedServer, scripted_client: ClientMaker) -> None:
    server.on("/v1" + PATH, Reply(302, headers={"Location": server.url + "/elsewhere"}))
    with pytest.raises(UnsafeLink, match="responds with 302, a redirect"):
        scripted_client().get(PATH)
    assert server.count("/elsewhere") == 0


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(403, "Active premium subscription required for the owner of the app."), PermissionDenied),
        (Reply(400, {"error": {"status": 400, "message": "Invalid base62 id"}}), NotFound),
        (Reply(418, {"error": {"status": 418, "message": "short and stout"}}), RequestRefused),
    ],
)
def test_a_refusal_is_not_retried(
    server: ScriptedServer, scripted_client: ClientMaker, reply: Reply, kind: type[PipelineError]
) -> None:
    server.on("/v1" + PATH, reply)
    with pytest.raises(kind):
        scripted_client().get(PATH)
    assert server.count("/v1" + PATH) == 1


def test_a_token_that_is_never_accepted_is_an_outage(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    server.on("/v1" + PATH, Reply(401, {"error": {"status": 401, "message": "bad token t0ken-secret"}}))
    with pytest.raises(ApiUnavailable, match=r"refuses a fresh token .*'spotify_api'") as refused:
        scripted_client().get(PATH)
    assert (server.count("/v1" + PATH), server.count("/api/token")) == (3, 3)
    assert "t0ken-secret" not in str(refused.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_response_above_the_maximum_size_is_not_read(
    server: ScriptedServer, scripted_client: ClientMaker, compressed: bool
) -> None:
    body = json.dumps({"a": "x" * 200_000}).encode()
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    server.on("/v1" + PATH, Reply(body=gzip.compress(body) if compressed else body, headers=headers))
    with pytest.raises(
        ConfigurationError, match="more than 100000 bytes: raise SPOTIFY_PIPELINE_MAX_RESPONSE_BYTES"
    ):
        scripted_client(max_response_bytes=100_000).get(PATH)
    assert scripted_client().get(PATH).body == body


def test_a_body_that_cannot_be_unpacked_is_a_transient_error(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    server.on("/v1" + PATH, Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(BodyCutShort, match="cannot be unpacked"):
        scripted_client().get(PATH)


@pytest.mark.parametrize(
    "token",
    [
        Reply(body={}),
        Reply(body=[]),
        Reply(body={"access_token": None, "expires_in": 3600}),
        Reply(body={"access_token": "a\nb", "expires_in": 3600}),
        Reply(body="<html>"),
    ],
)
def test_a_malformed_token_response_is_a_transient_error(
    server: ScriptedServer, scripted_client: ClientMaker, token: Reply
) -> None:
    server.on("/api/token", token)
    with pytest.raises(BodyCutShort, match="token"):
        scripted_client().get(PATH)


@pytest.mark.parametrize("lifetime", [None, -1, 0, "soon", 30])
def test_a_token_with_a_malformed_lifetime_is_used(
    server: ScriptedServer, scripted_client: ClientMaker, lifetime: Any
) -> None:
    server.on("/api/token", Reply(body={"access_token": "short", "expires_in": lifetime}))
    server.on("/v1" + PATH, OK)
    assert scripted_client().get(PATH).status == 200
    assert ("/v1" + PATH, "Bearer short") in server.seen


def test_a_rate_limit_of_the_token_endpoint_is_reported(
    server: ScriptedServer, scripted_client: ClientMaker
) -> None:
    server.on("/api/token", rate_limited("90"))
    with pytest.raises(RateLimited) as closed:
        scripted_client().get(PATH)
    assert (closed.value.bucket, closed.value.deadline) == (TOKEN_BUCKET, NOW + timedelta(seconds=90))


def test_no_secret_reaches_a_log_or_a_traceback(
    server: ScriptedServer, scripted_client: ClientMaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("/v1" + PATH, OK, Reply(500))
    client = scripted_client()
    client.get(PATH)
    with pytest.raises(ApiUnavailable) as failed:
        client.get(PATH)
    # the client's frames with local variables, as in a verbose log, without the frame of the test
    frames = failed.value.with_traceback(failed.tb.tb_next)
    formatted = "".join(traceback.TracebackException.from_exception(frames, capture_locals=True).format())
    assert "responds with 500" in formatted
    assert "_attempt" in formatted
    shown = caplog.text + formatted
    assert f"GET /v1{PATH} 200" in shown
    assert BUCKET in shown
    for secret in ("t0ken-secret", "not-the-real-word"):
        assert secret not in shown


def test_a_custom_gate_is_checked_before_every_call(server: ScriptedServer, sleeps: Sleeps) -> None:
    checked: list[tuple[str, datetime]] = []

    class Closed:
        def check(self, bucket: str, now: datetime) -> None:
            checked.append((bucket, now))
            raise RateLimited("closed", bucket=bucket, deadline=now)

        def close(self, bucket: str, deadline: datetime, reason: str | None) -> None:
            raise AssertionError("nothing was called")

    extra = {"api_url": server.api_url, "accounts_url": server.url}
    known = ConnectionInfo("spotify_api", login="a", password="b", extra=extra)
    with (
        SpotifyClient.from_connection(known, Settings(), gate=Closed()) as client,
        pytest.raises(RateLimited),
    ):
        client.get(PATH)
    assert server.count("/v1" + PATH) == 0
    # the gate gets the API's time, not this machine's
    assert [(bucket, now.date()) for bucket, now in checked] == [(BUCKET, NOW.date())]


@pytest.mark.parametrize("path", ["artists", "/../api/token", "/artists?x=1", "//example.org/"])
def test_a_path_that_could_leave_the_api_is_not_requested(scripted_client: ClientMaker, path: str) -> None:
    with pytest.raises(RequestRefused, match="not a path of the Web API"):
        scripted_client().get(path)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"app_class": "premium"}, "app_class 'premium': set it to development or extended"),
        ({"api_url": "ftp://x"}, "api_url that is not a plain"),
        ({"api_url": "http://[x"}, "api_url that is not a plain"),
        ({"accounts_url": "https://user:word@x"}, "accounts_url that is not a plain"),
    ],
)
def test_the_error_for_a_wrong_connection_names_the_field(extra: dict[str, str], words: str) -> None:
    known = ConnectionInfo("spotify_api", login="a", password="b", extra=extra)
    with pytest.raises(ConfigurationError, match=words):
        SpotifyClient.from_connection(known, Settings())


def test_every_recorded_body_is_returned_byte_for_byte(
    server: ScriptedServer, scripted_client: ClientMaker, reference_data: Path
) -> None:
    client = scripted_client()
    paths = sorted((reference_data / "recorded").glob("*/*.json"))
    assert len(paths) > 80
    for path in paths:
        body = path.read_bytes()
        server.on("/v1" + PATH, Reply(body=body))
        assert client.get(PATH).body == body, path.name


def test_threads_share_the_wait_of_a_rate_limit(
    server: ScriptedServer, scripted_client: ClientMaker, sleeps: Sleeps
) -> None:
    server.on("/v1" + PATH, rate_limited("5"), OK)
    client = scripted_client()
    threads = [threading.Thread(target=client.get, args=(PATH,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.count("/v1" + PATH) == 5
    assert sum(sleeps) >= 5
