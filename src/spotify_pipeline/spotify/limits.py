"""Limits of calls: the cool-down gate of each bucket, the call budget, and the pacer."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from spotify_pipeline.buckets import TOTAL, WINDOW_SECONDS
from spotify_pipeline.errors import CallBudgetSpent, RateLimited

CALLS_PER_WINDOW = 150
"""Default number of calls in a window. Spotify does not publish its limit; this is five a second."""


class CooldownGate(Protocol):
    """Store of closed buckets, checked before each call. Implementations are thread-safe."""

    def check(self, bucket: str, now: datetime) -> None:
        """Raise RateLimited when `bucket` is closed at `now`, the API's own time."""

    def close(self, bucket: str, deadline: datetime, reason: str | None) -> None:
        """Close `bucket` for every caller until `deadline`."""


class CallBudget(Protocol):
    """Calls that a run may make. Implementations are thread-safe."""

    def spend(self, bucket: str) -> None:
        """Count one call; raise CallBudgetSpent when there is none left."""

    def close(self) -> None:
        """Release what it holds."""


class Pacer(Protocol):
    """Spreads the calls of one account. Implementations are thread-safe."""

    def acquire(self, bucket: str) -> None:
        """Wait until one more call may be made."""

    def pause(self, seconds: float) -> None:
        """Let no call through for `seconds`: Spotify has responded with 429."""

    def close(self) -> None:
        """Release what it holds."""


class MemoryCooldownGate:
    """Closed buckets of this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed: dict[str, tuple[datetime, str | None]] = {}

    def check(self, bucket: str, now: datetime) -> None:
        """Raise RateLimited when `bucket` is closed at `now`."""
        with self._lock:
            deadline, reason = self._closed.get(bucket, (None, None))
        if deadline is not None and now < deadline:
            raise RateLimited.of(bucket, deadline, reason)

    def close(self, bucket: str, deadline: datetime, reason: str | None) -> None:
        """Keep the later of two deadlines."""
        with self._lock:
            known = self._closed.get(bucket)
            if known is None or known[0] < deadline:
                self._closed[bucket] = (deadline, reason)


class MemoryCallBudget:
    """A budget of this process alone; `limits` are calls by bucket, and `total` for all of them."""

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        self._limits = dict(limits or {})
        self._lock = threading.Lock()
        self._spent: Counter[str] = Counter()

    def spend(self, bucket: str) -> None:
        """Count one call.

        Raises:
            CallBudgetSpent: no call to this bucket, or no call at all, is left; nothing was counted.
        """
        with self._lock:
            limited = [name for name in (bucket, TOTAL) if name in self._limits]
            for name in limited:
                if self._spent[name] >= self._limits[name]:
                    raise CallBudgetSpent.of(name, self._limits[name])
            self._spent.update(limited)

    def close(self) -> None:
        """Do nothing: it holds no resource."""


class RollingWindowPacer:
    """At most `calls` in any `window` seconds (None: no bound), and none while paused.

    `sleep` and `clock` (monotonic seconds) can be replaced, so that a test does not wait.
    """

    def __init__(
        self,
        calls: int | None = None,
        window: float = WINDOW_SECONDS,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls = calls
        self._window = window
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._paused_until = float("-inf")

    def acquire(self, bucket: str) -> None:
        """Wait for room in the window and for the end of a pause."""
        while (wait := self._try(self._clock())) > 0:
            self._sleep(wait)

    def pause(self, seconds: float) -> None:
        """Hold every caller back for `seconds` from now."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def close(self) -> None:
        """Do nothing: it holds no resource."""

    def _try(self, now: float) -> float:
        """Reserve a call and return 0, or return the seconds to wait before the next try."""
        with self._lock:
            if now < self._paused_until:
                return self._paused_until - now
            if self._calls is None:
                return 0.0
            while self._sent and self._sent[0] <= now - self._window:
                self._sent.popleft()
            if len(self._sent) >= self._calls:
                return self._sent[0] + self._window - now
            self._sent.append(now)
            return 0.0
