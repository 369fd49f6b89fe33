"""Access tokens of a user's login; one task at a time refreshes them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx

from spotify_pipeline.spotify.login import Login, login_refused
from spotify_pipeline.spotify.login_store import LoginStore
from spotify_pipeline.spotify.tokens import EXPIRY_MARGIN, AccessToken, ask_for_token
from spotify_pipeline.spotify.transport import Transport

logger = logging.getLogger(__name__)


class UserLogin:
    """Tokens of one user: `POST {accounts_url}/api/token` with the refresh token that `store` holds.

    Access tokens are kept in the store too, so that tasks side by side share one and refresh it once.
    """

    def __init__(
        self,
        transport: Transport,
        accounts_url: str,
        store: LoginStore,
        *,
        hide_secret: Callable[[str], None] = lambda _secret: None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = transport
        self._accounts_url = accounts_url
        self._store = store
        self._hide = hide_secret
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._refused: str | None = None
        self._ending: Login | None = None
        self._warned = False

    def token(self) -> AccessToken:
        """Return the token in use, the one that another task has stored meanwhile, or a new one.

        Raises:
            AuthenticationError: Spotify no longer accepts the login; the message says how to log in again.
            ConfigurationError: there is no login.
            ApiUnavailable, BodyCutShort, RateLimited: the token endpoint cannot serve now.
        """
        with self._lock:
            if self._token is None or self._clock() >= self._token.expires_at:
                with self._store.locked():
                    login = self._store.read()
                    self._token = self._adopt(login) or self._refresh(login)
                self._ending = login if self._ending is None else self._ending
            self._warn()
            return self._token

    def discard(self, token: AccessToken) -> None:
        """Forget `token`, which Spotify has refused, here and for the other tasks."""
        with self._lock:
            self._refused = token.value
            if self._token is token:
                self._token = None

    def _adopt(self, login: Login) -> AccessToken | None:
        """Return the store's access token while it is valid."""
        if login.access_token is None or login.expires_at is None or login.access_token == self._refused:
            return None
        left = (login.expires_at - self._now()).total_seconds() - EXPIRY_MARGIN
        if left <= 0:
            return None
        self._hide(login.access_token)
        return AccessToken(login.access_token, self._clock() + left, None)

    def _refresh(self, login: Login) -> AccessToken:
        self._hide(login.refresh_token)
        asked_at = self._now()
        grant = ask_for_token(
            self._transport,
            self._accounts_url,
            {
                "grant_type": "refresh_token",
                "refresh_token": login.refresh_token,
                "client_id": login.client_id,
            },
            auth=httpx.Auth(),
            refused=login_refused,
            clock=self._clock,
        )
        for secret in (grant.token.value, grant.refresh_token):
            if secret:
                self._hide(secret)
        self._store.write(
            replace(
                login,
                # a response without one means: the old one stays valid
                refresh_token=grant.refresh_token or login.refresh_token,
                scopes=grant.scopes or login.scopes,
                access_token=grant.token.value,
                expires_at=asked_at + timedelta(seconds=grant.lifetime),
            )
        )
        return grant.token

    def _warn(self) -> None:
        """Log once that the login ends soon, as soon as Spotify's date is known."""
        if self._ending is not None and not self._warned and self._transport.knows_api_time:
            self._warned = True
            warning = self._ending.warning(self._transport.api_now().date())
            if warning:
                logger.warning("%s", warning)
