"""Serves the token endpoint of accounts.spotify.com, and checks access tokens."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from spotify_sandbox.accounts.authorizations import Authorization, Authorizations, GrantError
from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.responses import ApiError, JsonResponse, token_error

TOKEN_LIFETIME = timedelta(seconds=3600)
# a prefix by which tests find tokens, for example in a log
ACCESS_TOKEN_PREFIX = "BQsandbox-"  # noqa: S105  no token itself
_WITHOUT_SECRET = {"authorization_code", "refresh_token"}


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of an access token; `authorization` is None for client credentials."""

    client_id: str
    expires_at: datetime
    authorization: Authorization | None = None

    @property
    def user_id(self) -> str | None:
        """The user who logged in, None for client credentials."""
        return self.authorization.user_id if self.authorization else None

    @property
    def scopes(self) -> frozenset[str]:
        """Scopes that the user granted."""
        return self.authorization.scopes if self.authorization else frozenset()


class TokenService:
    """Issues and checks the access tokens of one app, by the sandbox's clock."""

    def __init__(
        self,
        clock: SandboxClock,
        client_id: str,
        client_secret: str,
        authorizations: Authorizations | None = None,
    ) -> None:
        self._clock = clock
        self.client_id = client_id
        self._client_secret = client_secret
        self.authorizations = authorizations or Authorizations(clock)
        self._grants: dict[str, Grant] = {}

    async def endpoint(self, request: Request) -> Response:
        """Handle `POST /api/token`, form-encoded, for the three grants.

        The app authenticates with Basic authentication or with the pair in the form. With PKCE the client
        id is enough for a code that was requested with a challenge, and for its refresh tokens.
        """
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        client_id, client_secret = _credentials(request.headers.get("authorization"), form)
        # Spotify returns 400 here, unlike RFC 6749 (401)
        if client_id is None or not hmac.compare_digest(client_id.encode(), self.client_id.encode()):
            return token_error("invalid_client", "Invalid client")
        known = client_secret is not None and hmac.compare_digest(
            client_secret.encode(), self._client_secret.encode()
        )
        grant_type = form.get("grant_type")
        if not known and (client_secret is not None or grant_type not in _WITHOUT_SECRET):
            return token_error("invalid_client", "Invalid client secret")
        if grant_type is None:
            return token_error("unsupported_grant_type", "grant_type parameter is missing")
        try:
            return self._granted(grant_type, form, known=known)
        except GrantError as error:
            return token_error("invalid_grant", str(error))

    def issue(self, grant: Grant) -> str:
        """Return a new access token for a grant."""
        token = ACCESS_TOKEN_PREFIX + secrets.token_urlsafe(96)
        self._grants[token] = grant
        return token

    def revoke_all(self) -> int:
        """Make every access token invalid, and return their number."""
        count = len(self._grants)
        self._grants.clear()
        return count

    def expire_all(self) -> int:
        """Expire every access token, and return their number."""
        now = self._clock.now()
        self._grants = {token: replace(grant, expires_at=now) for token, grant in self._grants.items()}
        return len(self._grants)

    def check(self, authorization: str | None) -> Grant:
        """Return the grant of an Authorization header.

        Raises:
            ApiError: 401 if it has no valid token.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized("missing_token", "No token provided", "Missing/invalid/expired access token")
        grant = self._grants.get(token.strip())
        if grant is None or (grant.authorization and grant.authorization.revoked):
            raise unauthorized("invalid_token", "Invalid access token")
        if grant.expires_at <= self._clock.now():
            raise unauthorized("invalid_token", "The access token expired")
        return grant

    def _granted(self, grant_type: str, form: dict[str, str], *, known: bool) -> Response:
        if grant_type == "client_credentials":
            return self._respond(Grant(self.client_id, self._expiry()))
        if grant_type == "authorization_code":
            return self._exchange(form, known=known)
        if grant_type == "refresh_token":
            return self._refresh(form, known=known)
        names = "client_credentials, authorization_code or refresh_token"
        return token_error("unsupported_grant_type", f"grant_type must be {names}")

    def _exchange(self, form: dict[str, str], *, known: bool) -> Response:
        verifier = form.get("code_verifier")
        if not known and verifier is None:
            return token_error("invalid_request", "code_verifier required")
        made = self.authorizations.exchange(
            form.get("code", ""), self.client_id, form.get("redirect_uri", ""), verifier
        )
        if not known and not made.with_pkce:
            made.revoked = True
            return token_error("invalid_client", "Invalid client secret")
        return self._respond(Grant(self.client_id, self._expiry(), made), made.refresh_token)

    def _refresh(self, form: dict[str, str], *, known: bool) -> Response:
        if "refresh_token" not in form:
            return token_error("invalid_request", "refresh_token must be supplied")
        found = self.authorizations.find(form["refresh_token"])
        if not known and not found.with_pkce:
            return token_error("invalid_client", "Invalid client secret")
        rotated = self.authorizations.refreshed(found)
        return self._respond(Grant(self.client_id, self._expiry(), found), rotated)

    def _expiry(self) -> datetime:
        return self._clock.now() + TOKEN_LIFETIME

    def _respond(self, grant: Grant, refresh_token: str | None = None) -> Response:
        body: dict[str, Any] = {
            "access_token": self.issue(grant),
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFETIME.total_seconds()),
        }
        if grant.authorization is not None:
            body["scope"] = " ".join(sorted(grant.scopes))
        if refresh_token is not None:
            body["refresh_token"] = refresh_token
        return JsonResponse(body, headers={"Cache-Control": "no-store"})


def unauthorized(error: str, description: str, message: str | None = None) -> ApiError:
    """Return a 401 with a challenge as in RFC 6750, section 3."""
    challenge = f'Bearer realm="spotify", error="{error}", error_description="{description}"'
    return ApiError(401, message or description, headers={"WWW-Authenticate": challenge})


def _credentials(authorization: str | None, form: dict[str, str]) -> tuple[str | None, str | None]:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id"), form.get("client_secret")
    try:
        client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return client_id, client_secret
