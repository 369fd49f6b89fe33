"""What was called: totals, and the calls themselves for reports and tests."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 200_000
_VARIABLE = re.compile(r"/(artists|albums|tracks|playlists|users)/[^/]+")


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request. at: the sandbox's time; number: from 1 since the start or last reset."""

    number: int
    at: str
    method: str
    path: str
    query: str
    status: int
    bucket: str
    fault: str | None


def bucket_of(path: str) -> str:
    """The endpoint a path belongs to, which is what rate limits and quotas go by: /v1/artists/{id}/albums."""
    return _VARIABLE.sub(r"/\1/{id}", path, count=1)


class CallLog:
    """The newest 200,000 calls, numbered without gaps. Control calls are not in it."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._last = 0

    def add(self, *, at: str, method: str, path: str, query: str, status: int, fault: str | None) -> Call:
        """Record a call. Status 0 means that no answer was begun."""
        self._last += 1
        call = Call(self._last, at, method, path, query, status, bucket_of(path), fault)
        self._calls.append(call)
        return call

    def reset(self) -> None:
        """Forget everything and number from 1 again."""
        self._calls.clear()
        self._last = 0

    def report(self, since: int = 0, recent: int = 100) -> dict[str, Any]:
        """Totals over the calls with a greater number than `since`, and the last `recent` of them."""
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
