"""Tests the client of Airflow's REST API when requests time out."""

from __future__ import annotations

import httpx
import pytest

from spotify_stack import airflow_api
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.health import NotReady


class SlowServer:
    """Fails the first requests with a time-out, and counts all of them."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.requests: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.method)
        if len(self.requests) <= self.failures:
            raise httpx.ReadTimeout("timed out", request=request)
        return httpx.Response(200, json={"state": "success", "dag_run_id": "one"})


def api(server: SlowServer, monkeypatch: pytest.MonkeyPatch, patience: float) -> AirflowApi:
    client = httpx.Client
    monkeypatch.setattr(airflow_api, "RETRY_SECONDS", 0)
    monkeypatch.setattr(
        airflow_api.httpx,
        "Client",
        lambda **options: client(transport=httpx.MockTransport(server), **options),
    )
    return AirflowApi("http://127.0.0.1:1", patience=patience)


def test_a_poll_is_repeated_after_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    server = SlowServer(failures=3)
    assert api(server, monkeypatch, patience=60).run("spotify_ingest", "one")["state"] == "success"
    assert server.requests == ["GET"] * 4


def test_without_patience_one_time_out_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotReady, match="does not respond"):
        api(SlowServer(failures=1), monkeypatch, patience=0).run("spotify_ingest", "one")


def test_a_trigger_is_never_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    server = SlowServer(failures=1)
    with pytest.raises(NotReady):
        api(server, monkeypatch, patience=60).trigger("spotify_ingest", "2026-11-22")
    assert server.requests == ["POST"]
