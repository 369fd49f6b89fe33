"""Tests of the sandbox's authorization code flow with PKCE, of refresh and of scopes, over real HTTP."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from spotify_sandbox.control import trusted_certificates
from spotify_sandbox.testing import RunningSandbox, running
from tests.integration.sandbox.api_client import REDIRECT, VERIFIER, authorization_parameters

pytestmark = pytest.mark.integration


def redirect_parameters(response: httpx.Response) -> dict[str, str]:
    """Return the query parameters of the redirect."""
    assert response.status_code == 302, response.text
    location = response.headers["location"]
    assert location.startswith(f"{REDIRECT}?")
    return {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}


def request_authorization(sandbox: RunningSandbox, **changes: str) -> httpx.Response:
    query = authorization_parameters(sandbox, **changes)
    return httpx.get(f"{sandbox.accounts_url}/authorize", params=query, verify=trusted_certificates())


def token(sandbox: RunningSandbox, *, secret: bool = False, **form: str) -> httpx.Response:
    auth = (sandbox.client_id, sandbox.client_secret) if secret else None
    client = {} if secret else {"client_id": sandbox.client_id}
    url = f"{sandbox.accounts_url}/api/token"
    return httpx.post(url, data=form | client, auth=auth, verify=trusted_certificates())


def exchange(sandbox: RunningSandbox, good_code: str, **changes: str) -> httpx.Response:
    form = {"code": good_code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER} | changes
    return token(
        sandbox,
        secret=False,
        grant_type="authorization_code",
        **{key: text for key, text in form.items() if text},
    )


def refresh(sandbox: RunningSandbox, refresh_token: str, **options: Any) -> httpx.Response:
    return token(sandbox, grant_type="refresh_token", refresh_token=refresh_token, **options)


def me(sandbox: RunningSandbox, access_token: str, path: str = "") -> httpx.Response:
    bearer = {"Authorization": f"Bearer {access_token}"}
    return httpx.get(f"{sandbox.api_url}/me{path}", headers=bearer, verify=trusted_certificates())


def test_the_consent_page_shows_scopes_and_redirects(development: RunningSandbox) -> None:
    page = request_authorization(development)
    assert page.status_code == 200
    assert "user-library-read" in page.text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text))
    form = {key: unescape(value) for key, value in fields.items()}
    assert form == authorization_parameters(development)
    url = f"{development.accounts_url}/authorize"
    agreed = redirect_parameters(httpx.post(url, data=form | {"user": "listener2", "decision": "agree"}))
    assert agreed["state"] == "a state/with=signs&"
    body = exchange(development, agreed["code"]).json()
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["scope"] == "user-library-read user-top-read"
    assert me(development, body["access_token"]).json()["id"] == "listener2"
    cancelled = redirect_parameters(httpx.post(url, data=form | {"user": "listener2", "decision": "cancel"}))
    assert cancelled == {"error": "access_denied", "state": form["state"]}


def test_the_consent_page_escapes_the_app_s_parameters(development: RunningSandbox) -> None:
    assert "<script>" not in request_authorization(development, state='"><script>').text


def test_auto_approve_redirects_without_the_consent_page(development: RunningSandbox) -> None:
    code = redirect_parameters(request_authorization(development, auto_approve="true", user="listener3"))[
        "code"
    ]
    body = exchange(development, code).json()
    assert me(development, body["access_token"]).json()["id"] == "listener3"
    assert request_authorization(development, auto_approve="true", user="nobody").status_code == 400
    development.control.auto_approve("listener2")
    assert "code" in redirect_parameters(request_authorization(development))
    assert [each["user"] for each in development.control.authorizations()] == ["listener3"]
    development.control.auto_approve("listener2", deny=True)
    assert redirect_parameters(request_authorization(development))["error"] == "access_denied"
    development.control.auto_approve(None)
    assert request_authorization(development).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:5000/callback",
        "https://example.com/callback",
        "http://192.0.2.1:5000/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:99999/callback",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_redirect_must_go_to_a_loopback_address_with_a_port(
    development: RunningSandbox, address: str
) -> None:
    refused = request_authorization(development, redirect_uri=address, auto_approve="true")
    assert (refused.status_code, refused.text) == (400, "INVALID_CLIENT: Insecure redirect URI")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "user-library-read everything"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
    ],
)
def test_an_error_of_the_request_is_sent_to_the_app(
    development: RunningSandbox, changes: dict[str, str], error: str
) -> None:
    redirected = redirect_parameters(request_authorization(development, auto_approve="true", **changes))
    assert redirected == {"error": error, "state": "a state/with=signs&"}


def test_an_unknown_app_is_refused_without_a_redirect(development: RunningSandbox) -> None:
    assert request_authorization(development, client_id="other").text == "INVALID_CLIENT: Invalid client"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "x" * 43}, ("invalid_grant", "code_verifier was incorrect")),
        ({"code_verifier": ""}, ("invalid_request", "code_verifier required")),
        ({"redirect_uri": "http://127.0.0.1:5001/callback"}, ("invalid_grant", "Invalid redirect URI")),
        ({"code": "invented"}, ("invalid_grant", "Invalid authorization code")),
    ],
)
def test_a_code_is_refused_with_wrong_parameters(
    development: RunningSandbox, changes: dict[str, str], error: tuple[str, str]
) -> None:
    code = redirect_parameters(request_authorization(development, auto_approve="true"))["code"]
    refused = exchange(development, code, **changes)
    assert refused.status_code == 400
    assert (refused.json()["error"], refused.json()["error_description"]) == error


def test_without_pkce_the_client_secret_is_required(development: RunningSandbox) -> None:
    plain = {"code_challenge": "", "code_challenge_method": "", "auto_approve": "true"}
    code = redirect_parameters(request_authorization(development, **plain))["code"]
    assert exchange(development, code).json()["error"] == "invalid_client"
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    code = redirect_parameters(request_authorization(development, **plain))["code"]
    body = token(development, secret=True, code=code, **form).json()
    assert refresh(development, body["refresh_token"]).json()["error"] == "invalid_client"
    assert refresh(development, body["refresh_token"], secret=True).status_code == 200


def test_a_refresh_without_a_new_token_keeps_the_old_one_valid(development: RunningSandbox) -> None:
    old = development.control.authorize("listener1")
    first = refresh(development, old)
    assert (first.status_code, "refresh_token" in first.json()) == (200, False)
    second = refresh(development, old).json()
    assert refresh(development, old).json()["error"] == "invalid_grant"
    assert me(development, second["access_token"]).status_code == 200
    assert refresh(development, second["refresh_token"]).status_code == 200


def test_a_login_expires_after_six_months_of_the_sandbox_s_clock(development: RunningSandbox) -> None:
    token = development.control.authorize("listener1", authorized_at="2026-05-22T06:00:10Z")
    development.control.set_clock("2026-11-22T06:00:09Z", frozen=True)
    access = refresh(development, token).json()["access_token"]
    development.control.set_clock("2026-11-22T06:00:10Z")
    dead = refresh(development, token)
    assert (dead.status_code, dead.json()["error"]) == (400, "invalid_grant")
    assert me(development, access).status_code == 200
    (known,) = development.control.authorizations()
    assert (known["expired"], known["expires_at"]) == (True, "2026-11-22T06:00:10+00:00")


def test_removing_the_app_revokes_its_tokens(development: RunningSandbox) -> None:
    mine, other = (development.control.authorize(user) for user in ("listener1", "listener2"))
    access = refresh(development, mine).json()["access_token"]
    assert development.control.revoke_authorizations("listener1") == 1
    assert me(development, access).json()["error"]["message"] == "Invalid access token"
    assert refresh(development, mine).json() == {
        "error": "invalid_grant",
        "error_description": "Refresh token revoked",
    }
    assert refresh(development, other).status_code == 200
    assert development.control.revoke_authorizations() == 1


def test_access_tokens_can_be_expired_at_once(development: RunningSandbox) -> None:
    access = development.user_token()
    assert development.control.expire_tokens() >= 1
    assert me(development, access).json()["error"]["message"] == "The access token expired"


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/tracks", "user-library-read"),
        ("/top/tracks", "user-top-read"),
        ("/top/artists", "user-top-read"),
        ("/following?type=artist", "user-follow-read"),
        ("/player/recently-played", "user-read-recently-played"),
        ("/playlists", "playlist-read-private"),
    ],
)
def test_each_endpoint_requires_its_scope(development: RunningSandbox, path: str, scope: str) -> None:
    others = {
        "user-library-read",
        "user-top-read",
        "user-follow-read",
        "user-read-recently-played",
        "playlist-read-private",
    }
    refused = me(development, development.user_token(scopes=others - {scope}), path)
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, "Insufficient client scope")
    assert me(development, development.user_token(scopes=[scope]), path).status_code == 200


def test_client_credentials_cannot_read_a_user_s_data(development: RunningSandbox) -> None:
    for path in ("", "/tracks", "/playlists"):
        refused = me(development, development.access_token(), path)
        assert (refused.status_code, refused.json()["error"]["message"]) == (
            401,
            "Valid user authentication required",
        )


def test_a_reset_of_the_users_removes_all_logins(development: RunningSandbox) -> None:
    access = development.user_token()
    development.control.auto_approve("listener1")
    development.control.reset_users()
    assert me(development, access).status_code == 401
    assert development.control.authorizations() == []
    assert request_authorization(development).status_code == 200


def test_logins_can_be_set_on_the_command_line() -> None:
    arguments = [
        "--users",
        "1",
        "--auto-approve",
        "listener1",
        "--refresh-token",
        "fixed",
        "--rotation",
        "always",
    ]
    with running(size=50, arguments=arguments) as sandbox:
        assert [refresh(sandbox, "fixed").status_code for _ in range(3)] == [200] * 3
        assert "code" in redirect_parameters(request_authorization(sandbox))
        assert "refresh_token" in refresh(sandbox, sandbox.control.authorize("listener1")).json()
        assert len(sandbox.control.users()) == 1
