"""Logging a user in: the authorization code flow with PKCE (RFC 7636, S256), which needs no client secret."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from spotify_pipeline.errors import AuthenticationError, BodyCutShort, ConfigurationError
from spotify_pipeline.spotify.answers import refusal
from spotify_pipeline.spotify.auth import Bearer, ask_for_token
from spotify_pipeline.spotify.endpoints import bucket_of
from spotify_pipeline.spotify.login import Login, user_hash
from spotify_pipeline.spotify.transport import Transport

_ME = "/me"


@dataclass(frozen=True)
class AuthorizationRequest:
    """One attempt to log in: what the user's browser is sent with, and what proves the answer is ours."""

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
        """With a state and a code verifier that nobody can guess."""
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


def exchange(transport: Transport, api_url: str, request: AuthorizationRequest, code: str) -> Login:
    """Turn the code into a login, and ask `/me` whose it is.

    Raises:
        AuthenticationError: Spotify refuses the code.
        PermissionDenied: the user may not use this app.
        ConfigurationError: an answer has no readable Date, from which the login's end is counted.
        ApiUnavailable, BodyCutShort, RateLimited: Spotify cannot serve now.
    """
    grant = ask_for_token(
        transport,
        request.accounts_url,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_uri,
            "client_id": request.client_id,
            "code_verifier": request.verifier,
        },
        auth=httpx.Auth(),
        refused=lambda words: AuthenticationError(f"Spotify refuses the login ({words}): log in once more"),
    )
    if grant.refresh_token is None:
        raise BodyCutShort("the token endpoint answers without a refresh token: log in once more")
    if grant.token.observed_at is None:
        raise ConfigurationError("the token endpoint sends no readable Date: check accounts_url")
    answer = transport.send(
        "GET", api_url.rstrip("/") + _ME, bucket=bucket_of("GET", _ME), auth=Bearer(grant.token)
    )
    if answer.status != 200:
        raise refusal(answer, _ME)
    user_id = answer.document.get("id") if isinstance(answer.document, dict) else None
    if not isinstance(user_id, str) or not user_id:
        raise BodyCutShort("GET /me does not say who is logged in: log in once more")
    return Login(
        client_id=request.client_id,
        refresh_token=grant.refresh_token,
        user_hash=user_hash(user_id),
        scopes=grant.scopes or request.scopes,
        authorized_on=grant.token.observed_at.date(),
    )
