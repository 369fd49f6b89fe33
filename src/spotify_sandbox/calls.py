"""The log of calls, for tests and the demo."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 200_000
_VARIABLE = re.compile(r"/(artists|albums|tracks|playlists|users)/[^/]+")


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        number: From 1 since the start or the last reset.
        at: Time of the sandbox's clock.
        method: HTTP method.
        path: Request path.
        query: Query string.
        status: HTTP status; 0 if no response was begun.
        bucket: Endpoint of the path.
        fault: Kind of the fault that was applied, or None.
    """

    number: int
    at: str
    method: str
    path: str
    query: str
    status: int
    bucket: str
    fault: str | None


def bucket_of(path: str) -> str:
    """Return the endpoint of a path, to which a rate limit applies, as in /v1/artists/{id}/albums."""
    return _VARIABLE.sub(r"/\1/{id}", path, count=1)


class CallLog:
    """The newest 200,000 calls, numbered without gaps, without control calls."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._last = 0

    def add(self, *, at: str, method: str, path: str, query: str, status: int, fault: str | None) -> Call:
        """Record a call."""
        self._last += 1
        call = Call(self._last, at, method, path, query, status, bucket_of(path), fault)
        self._calls.append(call)
        return call

    def reset(self) -> None:
        """Remove all calls and number from 1 again."""
        self._calls.clear()
        self._last = 0

    def report(self, since: int = 0, recent: int = 100) -> dict[str, Any]:
        """Return totals over the calls after number `since`, and the last `recent` of them."""
        calls = [call for call in self._calls if call.number > since]
        return {
            "since": since,
            "last_number": self._last,
            "total": len(calls),
            "api_total": sum(call.path.startswith("/v1/") for call in calls),
            "by_bucket": dict(sorted(Counter(call.bucket for call in calls).items())),
            "by_status": {
                str(status): count for status, count in sorted(Counter(c.status for c in calls).items())
            },
            "recent": [asdict(call) for call in calls[-recent:]] if recent else [],
        }
