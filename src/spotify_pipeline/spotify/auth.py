"""Access tokens by the client-credentials flow."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import httpx

from spotify_pipeline.errors import ApiUnavailable, AuthenticationError, BodyCutShort, RateLimited
from spotify_pipeline.spotify.answers import said
from spotify_pipeline.spotify.headers import retry_after
from spotify_pipeline.spotify.limits import closed_message
from spotify_pipeline.spotify.transport import Answer, Transport

TOKEN_BUCKET = "POST /api/token"  # noqa: S105 - the name of an endpoint
EXPIRY_MARGIN = 60.0
"""Seconds before its end at which a token is no longer used."""


@dataclass(frozen=True)
class AccessToken:
    """A bearer token; its value shows in no repr. `expires_at` is monotonic seconds."""

    value: str = field(repr=False)
    expires_at: float
    observed_at: datetime | None


class TokenProvider(Protocol):
    """Source of tokens, shared by threads."""

    def token(self) -> AccessToken:
        """A token that is good for some time yet."""

    def discard(self, token: AccessToken) -> None:
        """Forget `token`, which Spotify has refused; another thread's newer one is kept."""


class Bearer(httpx.Auth):
    """Puts a token on one request."""

    def __init__(self, token: AccessToken) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token.value}"
        yield request


class ClientCredentials:
    """Tokens for an app without a user: `POST {accounts_url}/api/token`, kept in memory until shortly before
    they expire.
    """

    def __init__(
        self,
        transport: Transport,
        accounts_url: str,
        client_id: str,
        client_secret: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._url = accounts_url.rstrip("/") + "/api/token"
        self._auth = httpx.BasicAuth(client_id, client_secret)
        self._clock = clock
        self._lock = threading.Lock()
        self._token: AccessToken | None = None

    def token(self) -> AccessToken:
        """The cached token, or a new one; threads that need it at once ask for it once.

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
        """Forget `token` if it is still the cached one."""
        with self._lock:
            if self._token is token:
                self._token = None

    def _ask(self) -> AccessToken:
        asked_at = self._clock()
        answer = self._transport.send(
            "POST",
            self._url,
            bucket=TOKEN_BUCKET,
            auth=self._auth,
            data={"grant_type": "client_credentials"},
        )
        if answer.status != 200:
            raise self._refusal(answer)
        document = answer.document if isinstance(answer.document, dict) else {}
        value, lifetime = document.get("access_token"), document.get("expires_in")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
            raise BodyCutShort("the token endpoint answers without a usable access_token: try again later")
        seconds = float(lifetime) if isinstance(lifetime, int | float) and math.isfinite(lifetime) else 0.0
        # a lifetime shorter than the margin still gives a token for half of it
        usable = max(seconds - EXPIRY_MARGIN, seconds / 2, 0.0)
        return AccessToken(value, asked_at + usable, answer.observed_at)

    def _refusal(self, answer: Answer) -> Exception:
        words = said(answer.body)
        if answer.status == 429:
            now = answer.observed_at or self._transport.api_now()
            deadline = now + retry_after(answer.headers.get("retry-after"), now, words.reason)
            message = closed_message(TOKEN_BUCKET, deadline, words.reason)
            return RateLimited(message, bucket=TOKEN_BUCKET, deadline=deadline, reason=words.reason)
        if 400 <= answer.status < 500:
            return AuthenticationError(
                f"Spotify refuses the client id or secret of connection 'spotify_api' ({words.message}): put "
                "the app's current values from the Spotify dashboard there and run again"
            )
        return ApiUnavailable(
            f"the token endpoint answers {answer.status}: check accounts_url of connection 'spotify_api'"
        )
