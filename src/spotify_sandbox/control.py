"""A client of the sandbox's control endpoints, for tests and the demo."""

from __future__ import annotations

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
    """Sets the clock, scripts faults, reads what was called. A refused call raises httpx.HTTPStatusError."""

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
