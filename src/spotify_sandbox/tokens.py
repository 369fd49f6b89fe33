"""The token endpoint of accounts.spotify.com, and the tokens it has given out."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.errors import ApiError, JsonResponse, token_error

TOKEN_LIFETIME = timedelta(seconds=3600)


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for. user is None for client credentials."""

    client_id: str
    expires_at: datetime
    user: str | None = None
    scopes: frozenset[str] = frozenset()


class TokenService:
    """Gives out access tokens for one app and knows which are good by the sandbox's clock."""

    def __init__(self, clock: SandboxClock, client_id: str, client_secret: str) -> None:
        self._clock = clock
        self._client_id = client_id
        self._client_secret = client_secret
        self._grants: dict[str, Grant] = {}

    async def endpoint(self, request: Request) -> Response:
        """`POST /api/token`: client credentials with Basic authentication or with the pair in the form."""
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        client_id, client_secret = _credentials(request.headers.get("authorization"), form)
        # Spotify answers 400 here where RFC 6749 would have 401
        if client_id is None or not hmac.compare_digest(client_id.encode(), self._client_id.encode()):
            return token_error("invalid_client", "Invalid client")
        if not hmac.compare_digest((client_secret or "").encode(), self._client_secret.encode()):
            return token_error("invalid_client", "Invalid client secret")
        if "grant_type" not in form:
            return token_error("unsupported_grant_type", "grant_type parameter is missing")
        if form["grant_type"] != "client_credentials":
            return token_error("unsupported_grant_type", "grant_type must be client_credentials")
        return JsonResponse(
            {
                "access_token": self.issue(Grant(self._client_id, self._clock.now() + TOKEN_LIFETIME)),
                "token_type": "Bearer",
                "expires_in": int(TOKEN_LIFETIME.total_seconds()),
            },
            headers={"Cache-Control": "no-store"},
        )

    def issue(self, grant: Grant) -> str:
        """A new access token for a grant."""
        token = secrets.token_urlsafe(96)
        self._grants[token] = grant
        return token

    def revoke_all(self) -> int:
        """Make every token invalid; the number of those there were."""
        count = len(self._grants)
        self._grants.clear()
        return count

    def check(self, authorization: str | None) -> Grant:
        """The grant behind an Authorization header. Raises ApiError 401 when there is no good token in it."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized("missing_token", "No token provided", "Missing/invalid/expired access token")
        grant = self._grants.get(token.strip())
        if grant is None:
            raise _unauthorized("invalid_token", "Invalid access token")
        if grant.expires_at <= self._clock.now():
            raise _unauthorized("invalid_token", "The access token expired")
        return grant


def _unauthorized(error: str, description: str, message: str | None = None) -> ApiError:
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
