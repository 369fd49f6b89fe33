"""Tests of the sandbox's token endpoint, and of requests with and without valid tokens."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from spotify_sandbox.control import trusted_certificates
from spotify_sandbox.testing import RunningSandbox
from tests.integration.sandbox.api_client import artist_ids

pytestmark = pytest.mark.integration
GRANT = {"grant_type": "client_credentials"}


def request_token(sandbox: RunningSandbox, **options: Any) -> httpx.Response:
    return httpx.post(f"{sandbox.accounts_url}/api/token", verify=trusted_certificates(), **options)


def artist_status(sandbox: RunningSandbox, authorization: str | None) -> tuple[int, str, str | None]:
    headers = {"Authorization": authorization} if authorization is not None else {}
    response = httpx.get(
        f"{sandbox.api_url}/artists/{artist_ids(sandbox)[0]}", headers=headers, verify=trusted_certificates()
    )
    message = response.json()["error"]["message"] if response.is_error else ""
    return response.status_code, message, response.headers.get("www-authenticate")


@pytest.mark.parametrize("way", ["basic", "form"])
def test_client_credentials_get_a_token_for_an_hour(development: RunningSandbox, way: str) -> None:
    pair = {"client_id": development.client_id, "client_secret": development.client_secret}
    options: dict[str, Any] = (
        {"auth": tuple(pair.values()), "data": GRANT} if way == "basic" else {"data": GRANT | pair}
    )
    response = request_token(development, **options)
    body = response.json()
    assert response.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert set(body) == {"access_token", "token_type", "expires_in"}
    assert artist_status(development, f"Bearer {body['access_token']}")[0] == 200


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"auth": ("nobody", "secret")}, {"error": "invalid_client", "error_description": "Invalid client"}),
        ({}, {"error": "invalid_client", "error_description": "Invalid client"}),
        (
            {"headers": {"Authorization": "Basic %%%"}},
            {"error": "invalid_client", "error_description": "Invalid client"},
        ),
    ],
    ids=["wrong id", "no credentials", "no base64"],
)
def test_an_unknown_client_is_refused(
    development: RunningSandbox, options: dict[str, Any], expected: dict[str, str]
) -> None:
    response = request_token(development, data=GRANT, **options)
    assert (response.status_code, response.json()) == (400, expected)


def test_a_wrong_secret_is_refused(development: RunningSandbox) -> None:
    response = request_token(development, data=GRANT, auth=(development.client_id, "wrong"))
    assert response.status_code == 400
    assert response.json() == {"error": "invalid_client", "error_description": "Invalid client secret"}


@pytest.mark.parametrize("form", [{}, {"grant_type": "password"}])
def test_another_grant_is_refused(development: RunningSandbox, form: dict[str, str]) -> None:
    response = request_token(development, data=form, auth=(development.client_id, development.client_secret))
    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic abc"])
def test_a_request_without_a_token_is_refused(development: RunningSandbox, authorization: str | None) -> None:
    status, message, challenge = artist_status(development, authorization)
    assert (status, message) == (401, "Missing/invalid/expired access token")
    assert challenge == 'Bearer realm="spotify", error="missing_token", error_description="No token provided"'


def test_an_invented_token_is_refused(development: RunningSandbox) -> None:
    assert artist_status(development, "Bearer invented")[:2] == (401, "Invalid access token")


def test_a_token_expires_by_the_sandbox_s_clock(development: RunningSandbox) -> None:
    development.control.set_clock("2026-11-22T06:00:00Z", frozen=True)
    authorization = f"Bearer {development.access_token()}"
    development.control.set_clock("2026-11-22T06:59:59Z")
    assert artist_status(development, authorization)[0] == 200
    development.control.set_clock("2026-11-22T07:00:00Z")
    assert artist_status(development, authorization)[:2] == (401, "The access token expired")
    assert artist_status(development, f"Bearer {development.access_token()}")[0] == 200


def test_revoked_tokens_are_refused(development: RunningSandbox) -> None:
    authorization = f"Bearer {development.access_token()}"
    assert development.control.revoke_tokens() >= 1
    assert artist_status(development, authorization)[:2] == (401, "Invalid access token")
