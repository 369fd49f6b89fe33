"""Tests the sandbox's log of calls."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from spotify_sandbox.accounts.tokens import TokenService
from spotify_sandbox.app import build_app
from spotify_sandbox.calls import CallLog, bucket_of
from spotify_sandbox.catalogue.generated import GeneratedSource
from spotify_sandbox.catalogue.render import Mode
from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.sandbox import Sandbox


def log_with(*calls: tuple[str, int]) -> CallLog:
    log = CallLog()
    for path, status in calls:
        log.add(at="2026-11-22T06:00:00+00:00", method="GET", path=path, query="", status=status, fault=None)
    return log


@pytest.mark.parametrize(
    ("path", "bucket"),
    [
        ("/v1/artists/x", "/v1/artists/{id}"),
        ("/v1/artists/x/albums", "/v1/artists/{id}/albums"),
        ("/v1/albums", "/v1/albums"),
        ("/v1/me/tracks", "/v1/me/tracks"),
        ("/v1/me/player/recently-played", "/v1/me/player/recently-played"),
        ("/v1/playlists/x/tracks", "/v1/playlists/{id}/tracks"),
        ("/api/token", "/api/token"),
    ],
)
def test_paths_are_grouped_by_endpoint(path: str, bucket: str) -> None:
    assert bucket_of(path) == bucket


def test_the_report_counts_by_endpoint_and_status() -> None:
    log = log_with(("/api/token", 200), ("/v1/artists/x", 200), ("/v1/artists/y", 429), ("/v1/albums/x", 200))
    report = log.report(recent=2)
    assert (report["total"], report["api_total"], report["last_number"]) == (4, 3, 4)
    assert report["by_bucket"] == {"/api/token": 1, "/v1/albums/{id}": 1, "/v1/artists/{id}": 2}
    assert report["by_status"] == {"200": 3, "429": 1}
    assert [call["number"] for call in report["recent"]] == [3, 4]
    later = log.report(since=3)
    assert (later["total"], later["by_bucket"]) == (1, {"/v1/albums/{id}": 1})
    assert log.report(recent=0)["recent"] == []


def test_reset_starts_again_at_one() -> None:
    log = log_with(("/v1/albums/x", 200))
    log.reset()
    assert log.report()["total"] == 0
    assert log_with(("/v1/albums/x", 200)).report()["last_number"] == 1


def test_a_call_is_logged_before_the_client_has_the_whole_response() -> None:
    clock = SandboxClock()
    sandbox = Sandbox(Mode.EXTENDED, clock, GeneratedSource(1, 50), TokenService(clock, "id", "secret"))
    logged_at_end: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            logged_at_end.append(sandbox.calls.report()["total"])

    async def get(path: str) -> None:
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
        await build_app(sandbox)(scope, receive, send)

    asyncio.run(get("/v1/albums/x"))
    assert logged_at_end == [1]
    assert sandbox.calls.report()["by_status"] == {"401": 1}
