"""A user's login: its tokens, its lifetime, and how it is stored."""

from __future__ import annotations

import calendar
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from spotify_pipeline.connections import SPOTIFY_USER, ConnectionInfo, login_command
from spotify_pipeline.errors import AuthenticationError, ConfigurationError
from spotify_pipeline.spotify.endpoints import Scope
from spotify_pipeline.spotify.refusals import ErrorBody

LOGIN_MONTHS = 6
"""Months from the user's consent to the end of the refresh token, whether it is used or not."""

WARNING_DAYS = 14
"""Every run warns in this number of days before the end."""

ALL_SCOPES = tuple(Scope)
# reasons of the token endpoint that are about the app, not about the login
_OF_THE_APP = frozenset({"invalid_client", "unauthorized_client"})


@dataclass(frozen=True)
class Login:
    """Tokens of one user with their dates and permissions; its repr shows no token.

    Attributes:
        client_id: The app that the user allowed.
        refresh_token: Gets access tokens; Spotify may replace it at each refresh.
        user_hash: The user.
        key_id: The account key that the hash was made with.
        scopes: Permissions that the user gave.
        authorized_on: Date of the consent.
        access_token: The access token in use.
        expires_at: Its end (UTC), by the clock of the machine that got it.
        seed: Digest of the refresh token that the login began with.
        previous_refresh_token: The refresh token before the last replacement.
        refreshing_since: When a refresh started whose response is not stored yet.
        connection: Id of the user's connection.
    """

    client_id: str
    refresh_token: str = field(repr=False)
    user_hash: str
    scopes: tuple[str, ...]
    authorized_on: date
    key_id: str = ""
    access_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    seed: str = ""
    previous_refresh_token: str | None = field(default=None, repr=False)
    refreshing_since: datetime | None = None
    connection: str = SPOTIFY_USER

    def __post_init__(self) -> None:
        if not self.seed:
            object.__setattr__(self, "seed", hashlib.sha256(self.refresh_token.encode()).hexdigest()[:16])

    @property
    def ends_on(self) -> date:
        """The date on which the refresh token ends."""
        years, month = divmod(self.authorized_on.month - 1 + LOGIN_MONTHS, 12)
        year, month = self.authorized_on.year + years, month + 1
        day = min(self.authorized_on.day, calendar.monthrange(year, month)[1])
        return date(year, month, day)

    def days_left(self, today: date) -> int:
        """Return the days until the end, negative after it."""
        return (self.ends_on - today).days

    def warning(self, today: date) -> str | None:
        """Return the warning to log, None while more than `WARNING_DAYS` are left."""
        left = self.days_left(today)
        if left > WARNING_DAYS:
            return None
        return (
            f"the login at Spotify ends on {self.ends_on} ({left} days left): {log_in_again(self.connection)}"
        )

    def begun(self, now: datetime) -> Login:
        """Return the login to store before a refresh; the time of an earlier unfinished refresh stays."""
        return replace(self, refreshing_since=self.refreshing_since or now)

    def refreshed(
        self, refresh_token: str | None, scopes: tuple[str, ...], access_token: str, expires_at: datetime
    ) -> Login:
        """Return the login with the tokens of a refresh; without a new refresh token, the old one stays."""
        replaced = refresh_token is not None and refresh_token != self.refresh_token
        return replace(
            self,
            refresh_token=refresh_token or self.refresh_token,
            previous_refresh_token=self.refresh_token if replaced else self.previous_refresh_token,
            scopes=scopes or self.scopes,
            access_token=access_token,
            expires_at=expires_at,
            refreshing_since=None,
        )

    def to_json(self) -> str:
        """Write the login, tokens included, as text that `from_json` reads."""
        fields = {
            "client_id": self.client_id,
            "refresh_token": self.refresh_token,
            "user_hash": self.user_hash,
            "key_id": self.key_id,
            "scopes": list(self.scopes),
            "authorized_on": self.authorized_on.isoformat(),
            "access_token": self.access_token,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "seed": self.seed,
            "previous_refresh_token": self.previous_refresh_token,
            "refreshing_since": self.refreshing_since.isoformat() if self.refreshing_since else None,
            "connection": self.connection,
        }
        return json.dumps(fields, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Login:
        """Parse text that `to_json` wrote.

        Raises:
            ConfigurationError: it is other text; the message names `where` and does not repeat the text.
        """
        try:
            fields = json.loads(text)
            expires_at, begun = fields["expires_at"], fields.get("refreshing_since")
            return cls(
                client_id=_word(fields, "client_id"),
                refresh_token=_word(fields, "refresh_token"),
                user_hash=_word(fields, "user_hash"),
                key_id=str(fields.get("key_id") or ""),
                scopes=tuple(str(scope) for scope in fields["scopes"]),
                authorized_on=date.fromisoformat(fields["authorized_on"]),
                access_token=fields["access_token"],
                expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
                seed=_word(fields, "seed"),
                previous_refresh_token=fields.get("previous_refresh_token"),
                refreshing_since=datetime.fromisoformat(begun) if begun else None,
                connection=str(fields.get("connection") or SPOTIFY_USER),
            )
        except (ValueError, TypeError, KeyError):
            raise ConfigurationError(
                f"{where} does not hold a login: remove it and run 'spotify-pipeline auth login'"
            ) from None

    def to_connection(self) -> str:
        """Return the user's connection, refresh token included, as JSON for Airflow."""
        extra = {
            "scopes": " ".join(self.scopes),
            "authorized_on": self.authorized_on.isoformat(),
            "user_hash": self.user_hash,
            "key_id": self.key_id,
        }
        fields = {
            "conn_type": "generic",
            "login": self.client_id,
            "password": self.refresh_token,
            "extra": extra,
        }
        return json.dumps(fields)

    @classmethod
    def from_connection(cls, connection: ConnectionInfo) -> Login:
        """Read a user's connection: login = client id, password = refresh token.

        Raises:
            ConfigurationError: a field is missing, or authorized_on is not a date.
        """
        authorized_on = connection.require("authorized_on")
        try:
            consent = date.fromisoformat(authorized_on)
        except ValueError:
            raise ConfigurationError(
                f"connection '{connection.conn_id}' has authorized_on {authorized_on!r}: the date of the "
                "consent, for example 2026-11-22"
            ) from None
        return cls(
            client_id=connection.require("login"),
            refresh_token=connection.require("password"),
            user_hash=connection.require("user_hash"),
            key_id=str(connection.extra.get("key_id") or ""),
            scopes=tuple(str(connection.extra.get("scopes") or "").split()),
            authorized_on=consent,
            connection=connection.conn_id,
        )


def log_in_again(connection: str) -> str:
    """Return the instruction to replace the login of a user's connection."""
    return f"run '{login_command(connection)}' and replace connection '{connection}' by what it gives"


def login_refused(
    error: ErrorBody, connection: str = SPOTIFY_USER, *, lost_since: datetime | None = None
) -> AuthenticationError:
    """Return the error for a refresh token that Spotify does not accept.

    Args:
        error: The error body of Spotify's response.
        connection: Id of the user's connection.
        lost_since: When a refresh started whose response was lost, perhaps with a new refresh token.
    """
    if error.reason in _OF_THE_APP:
        return AuthenticationError(
            f"Spotify does not accept the app of the login ({error.message}): the app with this client id "
            "was deleted or may not refresh logins; check the client id of connections 'spotify_api' and "
            f"'{connection}' in the Spotify dashboard"
        )
    if lost_since is not None:
        return AuthenticationError(
            f"the response to a refresh of the login was lost on {lost_since:%Y-%m-%d %H:%M} UTC, and with "
            f"it the new refresh token ({error.message}): {log_in_again(connection)}"
        )
    return AuthenticationError(
        f"Spotify no longer accepts the login ({error.message}): it ends six months after the consent, and "
        f"when the user removes the app; {log_in_again(connection)}"
    )


def _word(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value:
        raise ValueError(name)
    return value
