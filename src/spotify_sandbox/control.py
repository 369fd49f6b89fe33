"""A client of the control endpoints, for tests and the demo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from ssl import SSLContext
from types import TracebackType
from typing import Any

import httpx

from spotify_sandbox.clock import parse_instant


@cache
def trusted_certificates() -> SSLContext:
    """Return what httpx trusts. Reading it takes longer than many requests, so this process does it once."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class ServedCatalog:
    """The catalogue that the sandbox serves now; `artists` has (id, name) of every artist."""

    served_date: date
    artist_count: int
    album_count: int
    track_count: int
    artists: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CallReport:
    """Numbers of calls after a given one: in total, under /v1, by endpoint, by status; and recent calls."""

    last_number: int
    total: int
    api_total: int
    by_bucket: dict[str, int]
    by_status: dict[int, int]
    recent: tuple[dict[str, Any], ...]


class SandboxControl:
    """Sets the clock, scripts faults, logs users in, and reads the log of calls.

    Every method raises httpx.HTTPStatusError if the sandbox refuses the request.
    """

    def __init__(self, base_url: str, timeout: float = 30.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.base_url}/_sandbox",
            timeout=timeout,
            trust_env=False,
            verify=trusted_certificates(),
        )

    def __enter__(self) -> SandboxControl:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def health(self) -> dict[str, Any]:
        """Return `{"status": "ok", "mode", "served_date"}`."""
        return self._call("GET", "health")

    def now(self) -> datetime:
        """Return the current moment of the sandbox's clock."""
        return parse_instant(self._call("GET", "clock")["now"])

    def set_clock(self, now: datetime | str | None = None, *, frozen: bool | None = None) -> datetime:
        """Set the moment and whether the clock is frozen; None leaves either unchanged."""
        body: dict[str, Any] = (
            {} if now is None else {"now": now.isoformat() if isinstance(now, datetime) else now}
        )
        if frozen is not None:
            body["frozen"] = frozen
        return parse_instant(self._call("PUT", "clock", json=body)["now"])

    def add_fault(self, kind: str, **settings: Any) -> None:
        """Append a fault to the script, with the settings of spotify_sandbox.faults.Fault."""
        self._call("POST", "faults", json={"kind": kind, **settings})

    def rate_limit(
        self, path: str = "", *, retry_after: int = 1, times: int | None = 1, **settings: Any
    ) -> None:
        """Script a 429 with Retry-After, as for a short rate limit."""
        body = {"error": {"status": 429, "message": "API rate limit exceeded"}}
        headers = {"Retry-After": str(retry_after)}
        self.add_fault("status", status=429, path=path, headers=headers, body=body, times=times, **settings)

    def exhaust_quota(
        self, path: str, *, retry_after: int = 86_400, times: int | None = None, **settings: Any
    ) -> None:
        """Script a 429 with reason QUOTA_EXCEEDED for matching paths, until faults are cleared."""
        body = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
        headers = {"Retry-After": str(retry_after)}
        self.add_fault("status", status=429, path=path, headers=headers, body=body, times=times, **settings)

    def lapse_premium(self) -> None:
        """Script a 403 in plain text, as when the Premium subscription of the app's owner has lapsed."""
        text = (
            "Active premium subscription required for the owner of the app. When the subscription status "
            "changes, it can take a few hours before requests are allowed again."
        )
        self.add_fault("status", status=403, path="^/v1/", body=text, times=None)

    def faults(self) -> list[dict[str, Any]]:
        """Return the script, with `matched` and `applied` of each fault."""
        script: list[dict[str, Any]] = self._call("GET", "faults")["faults"]
        return script

    def clear_faults(self) -> None:
        """Empty the script."""
        self._call("DELETE", "faults")

    def calls(self, since: int = 0, recent: int = 100) -> CallReport:
        """Return the calls after number `since`; `last_number` of the report is the next `since`."""
        body = self._call("GET", "calls", params={"since": since, "recent": recent})
        return CallReport(
            last_number=body["last_number"],
            total=body["total"],
            api_total=body["api_total"],
            by_bucket=body["by_bucket"],
            by_status={int(status): count for status, count in body["by_status"].items()},
            recent=tuple(body["recent"]),
        )

    def reset_calls(self) -> None:
        """Remove all calls from the log."""
        self._call("DELETE", "calls")

    def catalog(self) -> ServedCatalog:
        """Return the served date, its counts and its artists."""
        body = self._call("GET", "catalog")
        counts = body["counts"]
        return ServedCatalog(
            served_date=date.fromisoformat(body["served_date"]),
            artist_count=counts["artists"],
            album_count=counts["albums"],
            track_count=counts["tracks"],
            artists=tuple((artist["id"], artist["name"]) for artist in body["artists"]),
        )

    def revoke_tokens(self) -> int:
        """Make every access token invalid; return their number."""
        count: int = self._call("DELETE", "tokens")["revoked"]
        return count

    def expire_tokens(self) -> int:
        """Expire every access token; return their number."""
        count: int = self._call("PUT", "tokens", json={"expired": True})["expired"]
        return count

    def users(self) -> list[dict[str, Any]]:
        """Return every user: `id`, `display_name`, `country`."""
        users: list[dict[str, Any]] = self._call("GET", "users")["users"]
        return users

    def reset_users(self) -> None:
        """Reset to the state at the start: no login, and every request for consent shows the page."""
        self._call("DELETE", "users")

    def playlists(self) -> list[dict[str, Any]]:
        """Return every playlist: `id`, `name`, `owner`, `public`, `collaborative`, `followers`, `entries`."""
        playlists: list[dict[str, Any]] = self._call("GET", "playlists")["playlists"]
        return playlists

    def auto_approve(self, user_id: str | None, *, deny: bool = False) -> None:
        """Agree or refuse every request for consent as this user; None shows the page instead."""
        self._call("PUT", "consent", json={"auto_approve": user_id, "deny": deny})

    def authorizations(self) -> list[dict[str, Any]]:
        """Return every login: `user`, `scopes`, `authorized_at`, `expires_at`, `revoked`, `expired`, …."""
        known: list[dict[str, Any]] = self._call("GET", "authorizations")["authorizations"]
        return known

    def authorize(
        self,
        user_id: str,
        scopes: Iterable[str] | None = None,
        *,
        authorized_at: datetime | str | None = None,
        refresh_token: str | None = None,
    ) -> str:
        """Log a user in without a browser, by default with every scope and now; return the refresh token.

        A given `refresh_token` replaces the login that has or had it, so that a test can undo a rotation.
        """
        body: dict[str, Any] = {"user": user_id}
        if scopes is not None:
            body["scopes"] = list(scopes)
        if authorized_at is not None:
            body["authorized_at"] = str(authorized_at)
        if refresh_token is not None:
            body["refresh_token"] = refresh_token
        token: str = self._call("POST", "authorizations", json=body)["refresh_token"]
        return token

    def revoke_authorizations(self, user_id: str | None = None) -> int:
        """Revoke the logins of a user, or of all users, and return their number."""
        query = {} if user_id is None else {"user": user_id}
        count: int = self._call("DELETE", "authorizations", params=query)["revoked"]
        return count

    def _call(self, method: str, name: str, **options: Any) -> dict[str, Any]:
        response = self._http.request(method, f"/{name}", **options)
        if response.is_error:
            raise httpx.HTTPStatusError(
                f"sandbox refused {method} {name}: {response.text}",
                request=response.request,
                response=response,
            )
        body: dict[str, Any] = response.json()
        return body
