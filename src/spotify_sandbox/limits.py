"""Rate limit and quota of the app, by settings: the 429 answers that nobody has to script."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from spotify_sandbox.calls import bucket_of
from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.errors import ApiError

RATE_WINDOW = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """rate: requests in any 30 s, None for no limit; quotas: requests per bucket and quota window.

    quota_window: seconds from a bucket's first request until its count begins anew; penalty: seconds that
    each request during a refusal adds to it.
    """

    rate: int | None = None
    quotas: dict[str, int] = field(default_factory=dict)
    quota_window: float = 86_400.0
    penalty: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError naming the setting that makes no sense."""
        for bucket, count in self.quotas.items():
            if not bucket.startswith("/v1/"):
                raise ValueError(f"quota {bucket!r} is no bucket such as /v1/artists/{{id}}/albums")
            if count < 0:
                raise ValueError(f"quota of {bucket} is {count}, which is below 0")
        if self.rate is not None and self.rate < 1:
            raise ValueError(f"rate {self.rate} is below 1")
        for name, value in (("quota_window", self.quota_window), ("penalty", self.penalty)):
            if value < 0:
                raise ValueError(f"{name} {value:g} is below 0")


@dataclass(slots=True)
class _Quota:
    began_at: datetime
    ends_at: datetime
    used: int = 0
    refused: bool = False


class Limiter:
    """Counts the app's requests by the sandbox's clock and refuses those over a limit."""

    def __init__(self, clock: SandboxClock, settings: LimitSettings | None = None) -> None:
        self._clock = clock
        self.settings = settings or LimitSettings()
        self._recent: deque[datetime] = deque()
        self._blocked_until: datetime | None = None
        self._quotas: dict[str, _Quota] = {}
        self.refused: dict[str, int] = defaultdict(int)

    def reset(self, settings: LimitSettings | None = None) -> None:
        """Forget all counts; with settings, go by them from now on."""
        self.settings = settings or self.settings
        self._recent.clear()
        self._blocked_until = None
        self._quotas.clear()
        self.refused.clear()

    def admit(self, path: str) -> None:
        """Count a request. Raises ApiError 429 with Retry-After when it is over a limit."""
        now, bucket = self._clock.now(), bucket_of(path)
        wait = self._quota_wait(bucket, now)
        if wait is not None:
            self.refused[bucket] += 1
            raise _refused(wait, "Too many requests", "QUOTA_EXCEEDED")
        wait = self._rate_wait(now)
        if wait is not None:
            self.refused[bucket] += 1
            raise _refused(wait, "API rate limit exceeded", None)
        self._recent.append(now)
        if bucket in self.settings.quotas:
            self._quotas[bucket].used += 1

    def state(self) -> dict[str, object]:
        """The settings, and what is used of them."""
        now = self._clock.now()
        self._forget(now)
        used = {bucket: quota.used for bucket, quota in self._quotas.items() if quota.ends_at > now}
        return {
            "rate_limit": self.settings.rate,
            "quotas": self.settings.quotas,
            "quota_window": self.settings.quota_window,
            "penalty": self.settings.penalty,
            "in_window": len(self._recent),
            "used": used,
            "refused": dict(self.refused),
        }

    def _quota_wait(self, bucket: str, now: datetime) -> timedelta | None:
        allowed = self.settings.quotas.get(bucket)
        if allowed is None:
            return None
        window = timedelta(seconds=self.settings.quota_window)
        quota = self._quotas.get(bucket)
        # a clock put back begins a new window too
        if quota is None or not quota.began_at <= now < quota.ends_at:
            quota = self._quotas[bucket] = _Quota(now, now + window)
        if quota.used < allowed:
            return None
        if quota.refused:  # the caller was told to wait, and did not
            quota.ends_at += timedelta(seconds=self.settings.penalty)
        quota.refused = True
        return quota.ends_at - now

    def _rate_wait(self, now: datetime) -> timedelta | None:
        if self.settings.rate is None:
            return None
        self._forget(now)
        if self._blocked_until is not None and now < self._blocked_until:
            self._blocked_until += timedelta(seconds=self.settings.penalty)
            return self._blocked_until - now
        self._blocked_until = None
        if len(self._recent) < self.settings.rate:
            return None
        self._blocked_until = self._recent[-self.settings.rate] + RATE_WINDOW
        return self._blocked_until - now

    def _forget(self, now: datetime) -> None:
        while self._recent and not now - RATE_WINDOW < self._recent[0] <= now:
            self._recent.popleft()


def _refused(wait: timedelta, message: str, reason: str | None) -> ApiError:
    seconds = max(1, math.ceil(wait.total_seconds()))
    return ApiError(429, message, reason=reason, headers={"Retry-After": str(seconds)})
