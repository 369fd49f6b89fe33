"""A client of the sandbox's control endpoints, for tests and the demo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import Any

import httpx

from spotify_sandbox.clock import parse_instant


@dataclass(frozen=True, slots=True)
class ServedCatalog:
    """What the sandbox serves now. artists: (id, name) of every one."""

    served_date: date
    artist_count: int
    album_count: int
    track_count: int
    artists: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CallReport:
    """Calls since a number: all, those under /v1, by endpoint and by status; recent: the last as dicts."""

    last_number: int
    total: int
    api_total: int
    by_bucket: dict[str, int]
    by_status: dict[int, int]
    recent: tuple[dict[str, Any], ...]


class SandboxControl:
    """Sets the clock, scripts faults, logs users in, reads what was called.

    A refused call raises httpx.HTTPStatusError.
    """

    def __init__(self, base_url: str, timeout: float = 30.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self.base_url}/_sandbox", timeout=timeout)

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
        """`{"status": "ok", "mode", "served_date"}`."""
        return self._call("GET", "health")

    def now(self) -> datetime:
        """The sandbox's present moment."""
        return parse_instant(self._call("GET", "clock")["now"])

    def set_clock(self, now: datetime | str | None = None, *, frozen: bool | None = None) -> datetime:
        """Jump to a moment (default: stay) and freeze or release the clock (default: leave as it is)."""
        body: dict[str, Any] = (
            {} if now is None else {"now": now.isoformat() if isinstance(now, datetime) else now}
        )
        if frozen is not None:
            body["frozen"] = frozen
        return parse_instant(self._call("PUT", "clock", json=body)["now"])

    def add_fault(self, kind: str, **settings: Any) -> None:
        """Append a fault to the script: keys as in spotify_sandbox.faults.Fault."""
        self._call("POST", "faults", json={"kind": kind, **settings})

    def rate_limit(
        self, path: str = "", *, retry_after: int = 1, times: int | None = 1, **settings: Any
    ) -> None:
        """429 with Retry-After, as a short rate limit gives it."""
        body = {"error": {"status": 429, "message": "API rate limit exceeded"}}
        headers = {"Retry-After": str(retry_after)}
        self.add_fault("status", status=429, path=path, headers=headers, body=body, times=times, **settings)

    def exhaust_quota(
        self, path: str, *, retry_after: int = 86_400, times: int | None = None, **settings: Any
    ) -> None:
        """429 with reason QUOTA_EXCEEDED for the endpoints whose path matches, until faults are cleared."""
        body = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
        headers = {"Retry-After": str(retry_after)}
        self.add_fault("status", status=429, path=path, headers=headers, body=body, times=times, **settings)

    def lapse_premium(self, path: str = "^/v1/", *, times: int | None = None) -> None:
        """403 in plain text, as when the Premium subscription of the app's owner has lapsed."""
        text = (
            "Active premium subscription required for the owner of the app. When the subscription status "
            "changes, it can take a few hours before requests are allowed again."
        )
        self.add_fault("status", status=403, path=path, body=text, times=times)

    def faults(self) -> list[dict[str, Any]]:
        """The script, with `matched` and `applied` of each fault."""
        script: list[dict[str, Any]] = self._call("GET", "faults")["faults"]
        return script

    def clear_faults(self) -> None:
        """Empty the script."""
        self._call("DELETE", "faults")

    def calls(self, since: int = 0, recent: int = 100) -> CallReport:
        """What was called after the call number `since`; the report's last_number is the next `since`."""
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
        """Forget all calls."""
        self._call("DELETE", "calls")

    def catalog(self) -> ServedCatalog:
        """The served date, its counts and its artists."""
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
        """Make every access token invalid; the number of those there were."""
        count: int = self._call("DELETE", "tokens")["revoked"]
        return count

    def expire_tokens(self) -> int:
        """Let every access token be expired; the number of those there are."""
        count: int = self._call("PUT", "tokens", json={"expired": True})["expired"]
        return count

    def users(self) -> list[dict[str, Any]]:
        """Every user: `id`, `display_name`, `country`, `allowed`."""
        users: list[dict[str, Any]] = self._call("GET", "users")["users"]
        return users

    def allow_user(self, user_id: str, allowed: bool = True) -> None:
        """Put a user on the app's allow-list or take one off."""
        self._call("PUT", "users", json={"id": user_id, "allowed": allowed})

    def reset_users(self) -> None:
        """As at the start: nobody has logged in, the allow-list is the first, every page asks for consent."""
        self._call("DELETE", "users")

    def playlists(self) -> list[dict[str, Any]]:
        """Every playlist: `id`, `name`, `owner`, `public`, `collaborative`, `followers`, `entries`."""
        playlists: list[dict[str, Any]] = self._call("GET", "playlists")["playlists"]
        return playlists

    def auto_approve(self, user_id: str | None, *, deny: bool = False) -> None:
        """Answer every consent page on this user's behalf, by agreeing or refusing; None: ask again."""
        self._call("PUT", "consent", json={"auto_approve": user_id, "deny": deny})

    def authorizations(self) -> list[dict[str, Any]]:
        """Every login: `number`, `user`, `scopes`, `authorized_at`, `expires_at`, `revoked`, `expired`."""
        known: list[dict[str, Any]] = self._call("GET", "authorizations")["authorizations"]
        return known

    def authorize(
        self,
        user_id: str,
        scopes: Iterable[str] | None = None,
        *,
        authorized_at: datetime | str | None = None,
    ) -> str:
        """A login without a browser, by default of every scope and now; its refresh token."""
        body: dict[str, Any] = {"user": user_id}
        if scopes is not None:
            body["scopes"] = list(scopes)
        if authorized_at is not None:
            body["authorized_at"] = str(authorized_at)
        token: str = self._call("POST", "authorizations", json=body)["refresh_token"]
        return token

    def revoke_authorizations(self, user_id: str | None = None) -> int:
        """The user (default: everyone) removes the app from the account; how many logins ended."""
        query = {} if user_id is None else {"user": user_id}
        count: int = self._call("DELETE", "authorizations", params=query)["revoked"]
        return count

    def set_limits(self, **settings: Any) -> None:
        """Limits by count: `rate_limit`, `quotas` {bucket: n}, `quota_window`, `penalty`; none: no limits."""
        self._call("PUT", "limits", json=settings)

    def limits(self) -> dict[str, Any]:
        """The settings, `in_window`, `used` and `refused` by bucket."""
        return self._call("GET", "limits")

    def reset_limits(self) -> None:
        """Forget what was used of the limits."""
        self._call("DELETE", "limits")

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
