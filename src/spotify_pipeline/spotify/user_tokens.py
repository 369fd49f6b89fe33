"""Access tokens of a user's login; only one task at a time refreshes them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from spotify_pipeline.errors import AuthenticationError
from spotify_pipeline.spotify.login import Login, login_refused
from spotify_pipeline.spotify.login_store import LoginStore
from spotify_pipeline.spotify.refusals import ErrorBody
from spotify_pipeline.spotify.tokens import EXPIRY_MARGIN, AccessToken, Grant, request_token
from spotify_pipeline.spotify.transport import NO_AUTH, Transport

logger = logging.getLogger(__name__)

_STORE_AGAIN_SECONDS = 1.0


class UserLogin:
    """Tokens of one user: `POST {accounts_url}/api/token` with the refresh token that `store` holds.

    The store also keeps the access token, so that parallel tasks share it and refresh it once.
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
        """Return the token in use, one that another task has stored, or a new one.

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
        """Drop `token`, which Spotify has refused, here and in the store."""
        with self._lock:
            self._refused = token.value
            if self._token is token:
                self._token = None

    def _adopt(self, login: Login) -> AccessToken | None:
        """Return the access token in the store if it is valid."""
        if login.access_token is None or login.expires_at is None or login.access_token == self._refused:
            return None
        left = (login.expires_at - self._now()).total_seconds() - EXPIRY_MARGIN
        if left <= 0:
            return None
        self._hide(login.access_token)
        return AccessToken(login.access_token, self._clock() + left, None)

    def _refresh(self, login: Login) -> AccessToken:
        """Request a new access token, perhaps with a new refresh token, and store both.

        The start of the refresh is stored first: this proves that the store can be written, and shows a later
        attempt since when a response may be lost.
        """
        asked_at = self._now()
        self._store.write(login.begun(asked_at))
        grant = self._ask(login, asked_at)
        for secret in (grant.token.value, grant.refresh_token):
            if secret:
                self._hide(secret)
        expires_at = asked_at + timedelta(seconds=grant.lifetime)
        self._keep(login.refreshed(grant.refresh_token, grant.scopes, grant.token.value, expires_at))
        return grant.token

    def _ask(self, login: Login, asked_at: datetime) -> Grant:
        """Request with the refresh token; after a lost response, also with the previous one."""
        lost_since = login.refreshing_since
        tokens = [login.refresh_token]
        if lost_since is not None and login.previous_refresh_token:
            tokens.append(login.previous_refresh_token)

        def error_of(error: ErrorBody, lost_now: bool) -> AuthenticationError:
            nonlocal lost_since
            lost_since = lost_since or (asked_at if lost_now else None)
            return login_refused(error, login.connection, lost_since=lost_since)

        refused: AuthenticationError | None = None
        for token in tokens:
            self._hide(token)
            form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": login.client_id}
            try:
                return request_token(
                    self._transport,
                    self._accounts_url,
                    form,
                    auth=NO_AUTH,
                    refused=error_of,
                    clock=self._clock,
                )
            except AuthenticationError as error:
                refused = refused or error
        assert refused is not None  # noqa: S101 - there is at least one token
        # kept, so that later attempts give the same reason until the user logs in again
        self._store.write(replace(login, refreshing_since=lost_since))
        raise refused

    def _keep(self, login: Login) -> None:
        """Store the refreshed login, with one retry: Spotify may no longer accept the old refresh token."""
        try:
            self._store.write(login)
        except Exception as error:  # stores of several kinds raise errors of their own
            logger.warning(
                "the refreshed login could not be stored (%s): trying once more", type(error).__name__
            )
            time.sleep(_STORE_AGAIN_SECONDS)
            self._store.write(login)

    def _warn(self) -> None:
        """Log once that the login ends soon, after Spotify's date is known."""
        if self._ending is not None and not self._warned and self._transport.knows_api_time:
            self._warned = True
            warning = self._ending.warning(self._transport.api_now().date())
            if warning:
                logger.warning("%s", warning)
