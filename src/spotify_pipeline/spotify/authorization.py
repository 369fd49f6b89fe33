"""Logs a user in by the authorization code flow with PKCE (RFC 7636, S256), without a client secret.

The browser opens `AuthorizationRequest.url` at Spotify and comes back to `CallbackServer` with a code;
`exchange` turns the code into a login.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from spotify_pipeline.errors import AuthenticationError, BodyCutShort, ConfigurationError
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.spotify.endpoints import bucket_of
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.refusals import refusal
from spotify_pipeline.spotify.tokens import request_token
from spotify_pipeline.spotify.transport import NO_AUTH, Bearer, Transport

_ME = "/me"
CALLBACK_PATH = "/callback"
_SECONDS_PER_REQUEST = 10.0


@dataclass(frozen=True)
class AuthorizationRequest:
    """One attempt to log in. `state` and `verifier` prove that a callback belongs to it."""

    accounts_url: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def new(
        cls, accounts_url: str, client_id: str, redirect_uri: str, scopes: Iterable[str]
    ) -> AuthorizationRequest:
        """Make a request with a random state and a random code verifier."""
        return cls(
            accounts_url.rstrip("/"),
            client_id,
            redirect_uri,
            tuple(scopes),
            state=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(64),
        )

    @property
    def url(self) -> str:
        """The page on which the user allows the scopes."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.scopes),
            "state": self.state,
            "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        }
        return f"{self.accounts_url}/authorize?{urlencode(query)}"


def exchange(
    transport: Transport, api_url: str, request: AuthorizationRequest, code: str, key: AccountKey
) -> Login:
    """Exchange the code for a login, and request `/me` for the user's id, of which only the hash is kept.

    Raises:
        AuthenticationError: Spotify refuses the code.
        PermissionDenied: the user may not use this app.
        ConfigurationError: A response has no readable Date, from which the login's end is counted.
        ApiUnavailable, BodyCutShort, RateLimited: Spotify cannot serve now.
    """
    grant = request_token(
        transport,
        request.accounts_url,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_uri,
            "client_id": request.client_id,
            "code_verifier": request.verifier,
        },
        auth=NO_AUTH,
        refused=lambda error, _: AuthenticationError(
            f"Spotify refuses the login ({error.message}): log in once more"
        ),
    )
    if grant.refresh_token is None:
        raise BodyCutShort("the token endpoint returns no refresh token: log in once more")
    if grant.token.observed_at is None:
        raise ConfigurationError("the token endpoint sends no readable Date: check accounts_url")
    response = transport.send(
        "GET", api_url.rstrip("/") + _ME, bucket=bucket_of("GET", _ME), auth=Bearer(grant.token.value)
    )
    if response.status != 200:
        raise refusal(response, _ME)
    user_id = response.document.get("id") if isinstance(response.document, dict) else None
    if not isinstance(user_id, str) or not user_id:
        raise BodyCutShort("GET /me does not say who is logged in: log in once more")
    return Login(
        client_id=request.client_id,
        refresh_token=grant.refresh_token,
        user_hash=key.user_hash(user_id),
        key_id=key.key_id,
        scopes=grant.scopes or request.scopes,
        authorized_on=grant.token.observed_at.date(),
    )


class CallbackServer:
    """Waits for the browser on 127.0.0.1; Spotify refuses the name localhost. A context manager."""

    def __init__(self, port: int) -> None:
        try:
            self._http = HTTPServer(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of this machine cannot be used ({error.strerror}): choose another with --port, "
                "and add it to the app's redirect URIs"
            ) from None
        self._http.timeout = 0.2

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.server_close()

    @property
    def redirect_uri(self) -> str:
        """The address that the app's settings must list."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{CALLBACK_PATH}"

    def wait_for_code(self, state: str, seconds: float) -> str:
        """Wait for a callback with the right `state`, and return its code; refuse any other request.

        Raises:
            AuthenticationError: the user refused, or there was no callback in time.
        """
        deadline = time.monotonic() + seconds
        found: list[dict[str, str]] = []
        self._http.RequestHandlerClass = _handler(state, found)
        while not found:
            if time.monotonic() >= deadline:
                raise AuthenticationError(f"no login within {seconds:.0f} seconds: run the command once more")
            self._http.handle_request()
        callback = found[0]
        if "code" not in callback:
            raise AuthenticationError(
                f"Spotify did not log in ({callback.get('error', 'no code')[:80]!r}): run the command "
                "again and agree to the requested access"
            )
        return callback["code"]


def callback_page(text: str) -> str:
    """Return the HTML page that the browser shows after the login."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Login</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:2rem}</style>"
        f"</head><body><main><h1>Login</h1><p>{escape(text)}</p></main></body></html>"
    )


class _Handler(BaseHTTPRequestHandler):
    timeout = _SECONDS_PER_REQUEST

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the request line holds the code."""


def _handler(state: str, found: list[dict[str, str]]) -> type[BaseHTTPRequestHandler]:
    """Return a handler that accepts the one callback that carries `state`."""

    class Handler(_Handler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            callback = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path != CALLBACK_PATH:
                self._say(HTTPStatus.NOT_FOUND, "There is nothing here.")
            elif not hmac.compare_digest(callback.get("state", "").encode(), state.encode()):
                # another tab or program, or a forged link
                self._say(HTTPStatus.BAD_REQUEST, "This does not belong to the login that is under way.")
            else:
                found.append(callback)
                outcome = "You are logged in." if "code" in callback else "You are not logged in."
                self._say(HTTPStatus.OK, f"{outcome} You can close this page and go back to the terminal.")

        def _say(self, status: HTTPStatus, text: str) -> None:
            page = callback_page(text)
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Content-Length", str(len(page.encode())))
            self.end_headers()
            self.wfile.write(page.encode())

    return Handler
