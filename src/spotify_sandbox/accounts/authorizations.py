"""Issues authorization codes and refresh tokens, as accounts.spotify.com does."""

from __future__ import annotations

import base64
import calendar
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from spotify_sandbox.clock import SandboxClock

CODE_LIFETIME = timedelta(minutes=10)
REFRESH_TOKEN_MONTHS = 6
# a prefix by which tests find tokens, for example in a log
REFRESH_TOKEN_PREFIX = "AQsandbox-"  # noqa: S105  no token itself
SCOPES = frozenset(
    (
        "app-remote-control", "playlist-modify-private", "playlist-modify-public",
        "playlist-read-collaborative", "playlist-read-private", "streaming", "ugc-image-upload",
        "user-follow-modify", "user-follow-read", "user-library-modify", "user-library-read",
        "user-modify-playback-state", "user-personalized", "user-read-currently-playing", "user-read-email",
        "user-read-playback-position", "user-read-playback-state", "user-read-private",
        "user-read-recently-played", "user-top-read",
    )
)  # fmt: skip


class GrantError(Exception):
    """A code or refresh token is invalid: `invalid_grant`, with this description."""


class Rotation(StrEnum):
    """When a refresh returns a new refresh token, which makes the old one invalid."""

    NEVER = "never"
    SOMETIMES = "sometimes"  # every second time
    ALWAYS = "always"


@dataclass(slots=True)
class Authorization:
    """A user's consent.

    Its refresh tokens expire six months after `authorized_at`, however often they are used. A token that
    was given on the command line (`keeps_token`) neither changes nor expires.
    """

    number: int
    client_id: str
    user_id: str
    scopes: frozenset[str]
    authorized_at: datetime
    with_pkce: bool
    refresh_token: str
    keeps_token: bool = False
    refreshes: int = 0
    revoked: bool = False
    retired: set[str] = field(default_factory=set)

    @property
    def expires_at(self) -> datetime:
        """Moment at which its refresh token expires."""
        if self.keeps_token:
            return datetime.max.replace(tzinfo=UTC)
        return months_after(self.authorized_at, REFRESH_TOKEN_MONTHS)


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """A request for consent; `challenge` is the SHA-256 of the verifier in base64url, None without PKCE."""

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str | None


class Authorizations:
    """Codes and authorizations of one sandbox, kept in memory."""

    def __init__(self, clock: SandboxClock, rotation: Rotation = Rotation.SOMETIMES) -> None:
        self._clock = clock
        self._rotation = rotation
        self._codes: dict[str, tuple[CodeRequest, str, datetime]] = {}
        self._all: list[Authorization] = []

    def everyone(self) -> list[Authorization]:
        """Return all authorizations, oldest first, including invalid ones."""
        return list(self._all)

    def code(self, request: CodeRequest, user_id: str) -> str:
        """Return a code for one exchange within ten minutes."""
        code = secrets.token_urlsafe(96)
        self._codes[code] = (request, user_id, self._clock.now() + CODE_LIFETIME)
        return code

    def exchange(self, code: str, client_id: str, redirect_uri: str, verifier: str | None) -> Authorization:
        """Exchange a code for an authorization; a code is valid for one try.

        Raises:
            GrantError: the code is invalid or expired, or does not belong to this app, address or verifier.
        """
        request, user_id, expires_at = self._codes.pop(code, (None, "", self._clock.now()))
        if request is None or request.client_id != client_id:
            raise GrantError("Invalid authorization code")
        if expires_at <= self._clock.now():
            raise GrantError("Authorization code expired")
        if request.redirect_uri != redirect_uri:
            raise GrantError("Invalid redirect URI")
        if request.challenge is not None and not _proves(verifier, request.challenge):
            raise GrantError("code_verifier was incorrect")
        return self.grant(client_id, user_id, request.scopes, with_pkce=request.challenge is not None)

    def grant(
        self,
        client_id: str,
        user_id: str,
        scopes: frozenset[str],
        *,
        with_pkce: bool = True,
        authorized_at: datetime | None = None,
        refresh_token: str | None = None,
        keeps_token: bool = False,
    ) -> Authorization:
        """Create an authorization without a consent page.

        Args:
            client_id: The app.
            user_id: The user.
            scopes: Permissions that the user gives.
            with_pkce: Whether the app needs no secret to refresh it.
            authorized_at: When the user agreed; now by default.
            refresh_token: Its refresh token; an authorization that has or had this one is replaced.
            keeps_token: Whether the refresh token neither changes nor expires.
        """
        self._all = [one for one in self._all if refresh_token not in {one.refresh_token, *one.retired}]
        made = Authorization(
            number=max((one.number for one in self._all), default=0) + 1,
            client_id=client_id,
            user_id=user_id,
            scopes=scopes,
            authorized_at=authorized_at or self._clock.now(),
            with_pkce=with_pkce,
            refresh_token=refresh_token or _new_refresh_token(),
            keeps_token=keeps_token,
        )
        self._all.append(made)
        return made

    def find(self, refresh_token: str) -> Authorization:
        """Return the authorization of a valid refresh token.

        Raises:
            GrantError: the token is unknown, revoked or expired.
        """
        for known in reversed(self._all):
            if refresh_token in known.retired:
                raise GrantError("Refresh token revoked")
            if hmac.compare_digest(refresh_token.encode(), known.refresh_token.encode()):
                if known.revoked:
                    raise GrantError("Refresh token revoked")
                if known.expires_at <= self._clock.now():
                    raise GrantError("Refresh token expired")
                return known
        raise GrantError("Invalid refresh token")

    def refreshed(self, known: Authorization) -> str | None:
        """Count a refresh; return the new refresh token if it is rotated, else None."""
        known.refreshes += 1
        rotates = self._rotation is Rotation.ALWAYS or (
            self._rotation is Rotation.SOMETIMES and known.refreshes % 2 == 0
        )
        if not rotates or known.keeps_token:
            return None
        known.retired.add(known.refresh_token)
        known.refresh_token = _new_refresh_token()
        return known.refresh_token

    def revoke(self, user_id: str | None = None) -> int:
        """Revoke the authorizations of a user, or of all users, and return their number."""
        ended = [one for one in self._all if not one.revoked and user_id in {None, one.user_id}]
        for one in ended:
            one.revoked = True
        return len(ended)

    def clear(self) -> None:
        """Remove all codes and authorizations."""
        self._codes.clear()
        self._all.clear()


def months_after(moment: datetime, months: int) -> datetime:
    """Return the same day and time some months later, or the last day of that month."""
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a code verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _new_refresh_token() -> str:
    return REFRESH_TOKEN_PREFIX + secrets.token_urlsafe(96)


def _proves(verifier: str | None, challenge: str) -> bool:
    return verifier is not None and hmac.compare_digest(challenge_of(verifier), challenge)
