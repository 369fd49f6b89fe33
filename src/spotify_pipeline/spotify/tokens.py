"""Requests access tokens: for any flow, and for the app itself by client credentials."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeGuard

from spotify_pipeline.errors import (
    ApiUnavailable,
    AuthenticationError,
    BodyCutShort,
    PipelineError,
    RateLimited,
)
from spotify_pipeline.spotify.headers import retry_after
from spotify_pipeline.spotify.refusals import ErrorBody, read_error
from spotify_pipeline.spotify.transport import Auth, BasicAuth, Response, Transport

TOKEN_BUCKET = "POST /api/token"  # noqa: S105 - the name of an endpoint
EXPIRY_MARGIN = 60.0
"""A token is not used in this number of seconds before its end."""

LIFETIME_MAX = 86_400.0
"""Longest lifetime that is believed; Spotify's tokens last an hour."""


@dataclass(frozen=True)
class AccessToken:
    """A bearer token; its repr hides the value. `expires_at` is in seconds of the monotonic clock."""

    value: str = field(repr=False)
    expires_at: float
    observed_at: datetime | None


class TokenProvider(Protocol):
    """Source of tokens, shared by threads."""

    def token(self) -> AccessToken:
        """Return a token that is still valid."""

    def discard(self, token: AccessToken) -> None:
        """Drop `token`, which Spotify has refused; keep a newer one of another thread."""


class ClientCredentials:
    """Tokens of an app without a user, kept in memory until shortly before they expire."""

    def __init__(
        self,
        transport: Transport,
        accounts_url: str,
        client_id: str,
        client_secret: str,
        *,
        hide_secret: Callable[[str], None] = lambda _secret: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._hide = hide_secret
        self._accounts_url = accounts_url
        self._auth = BasicAuth(client_id, client_secret)
        self._clock = clock
        self._lock = threading.Lock()
        self._token: AccessToken | None = None

    def token(self) -> AccessToken:
        """Return the cached token, or a new one; threads that need one at the same time share one request.

        Raises:
            AuthenticationError: Spotify refuses the id or secret.
            ApiUnavailable, BodyCutShort, RateLimited: the token endpoint cannot serve now.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.expires_at:
                self._token = None
                self._token = self._ask()
            return self._token

    def discard(self, token: AccessToken) -> None:
        """Drop `token` if it is still the cached one."""
        with self._lock:
            if self._token is token:
                self._token = None

    def _ask(self) -> AccessToken:
        data = {"grant_type": "client_credentials"}
        grant = request_token(
            self._transport,
            self._accounts_url,
            data,
            auth=self._auth,
            refused=_app_refused,
            clock=self._clock,
        )
        self._hide(grant.token.value)
        return grant.token


@dataclass(frozen=True)
class Grant:
    """A successful response of the token endpoint.

    Attributes:
        token: The access token.
        lifetime: Its lifetime in seconds.
        refresh_token: None for client credentials, and if the one in use stays valid.
        scopes: Permissions that the user gave; empty for client credentials.
    """

    token: AccessToken
    lifetime: float
    refresh_token: str | None = field(repr=False)
    scopes: tuple[str, ...]


def request_token(
    transport: Transport,
    accounts_url: str,
    data: Mapping[str, str],
    *,
    auth: Auth,
    refused: Callable[[ErrorBody, bool], AuthenticationError],
    clock: Callable[[], float] = time.monotonic,
) -> Grant:
    """Send `POST {accounts_url}/api/token` with the form `data`.

    Raises:
        AuthenticationError: Spotify refuses the form; `refused` makes the error from Spotify's error body,
            and from whether the response to an earlier attempt of this call was lost.
        ApiUnavailable, BodyCutShort, RateLimited: the token endpoint cannot serve now.
    """
    asked_at = clock()
    url = accounts_url.rstrip("/") + "/api/token"
    response = transport.send("POST", url, bucket=TOKEN_BUCKET, auth=auth, data=data)
    if response.status != 200:
        raise _refusal(transport, response, data, refused)
    document = response.document if isinstance(response.document, dict) else {}
    value, lifetime = document.get("access_token"), document.get("expires_in")
    if not _is_token(value):
        raise BodyCutShort("the token endpoint returns no usable access_token: try again later")
    seconds = float(lifetime) if isinstance(lifetime, int | float) and math.isfinite(lifetime) else 0.0
    seconds = min(seconds, LIFETIME_MAX)
    # a lifetime shorter than the margin still gives a token for half of it
    usable = max(seconds - EXPIRY_MARGIN, seconds / 2, 0.0)
    refresh_token, scope = document.get("refresh_token"), document.get("scope")
    return Grant(
        token=AccessToken(value, asked_at + usable, response.observed_at),
        lifetime=max(seconds, 0.0),
        refresh_token=refresh_token if _is_token(refresh_token) else None,
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
    )


def _is_token(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _refusal(
    transport: Transport,
    response: Response,
    data: Mapping[str, str],
    refused: Callable[[ErrorBody, bool], AuthenticationError],
) -> PipelineError:
    words = read_error(response.body)
    if response.status == 429:
        now = response.observed_at or transport.api_now()
        deadline = now + retry_after(response.headers.get("retry-after"), now, words.reason)
        return RateLimited.of(TOKEN_BUCKET, deadline, words.reason)
    # without an OAuth error code it is not a verdict on the app or the login, but a proxy or a wrong address
    if 400 <= response.status < 500 and words.reason is not None:
        return refused(replace(words, message=_without(data, words.message)), response.attempt > 1)
    return ApiUnavailable(
        f"the token endpoint responds with {response.status} ({_without(data, words.message)}): try again "
        "later; if it stays, check accounts_url of connection 'spotify_api'"
    )


def _without(data: Mapping[str, str], words: str) -> str:
    """Return the message without a secret that the response may have echoed."""
    for name in ("refresh_token", "code", "code_verifier"):
        if data.get(name):
            words = words.replace(data[name], "***")
    return words


def _app_refused(error: ErrorBody, _lost: bool) -> AuthenticationError:
    return AuthenticationError(
        f"Spotify refuses the client id or secret of connection 'spotify_api' ({error.message}): put "
        "the app's current values from the Spotify dashboard there and run again"
    )
