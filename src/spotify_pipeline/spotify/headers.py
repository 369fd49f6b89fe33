"""Parses the response headers `Date` and `Retry-After`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

RETRY_AFTER_MAX = timedelta(days=7)
"""Longest cool-down accepted; the longest reported by users is 86,400 s."""

RETRY_AFTER_MISSING = timedelta(seconds=30)
"""Spotify's rate limit is a rolling window of 30 s: after that long the window is empty."""

QUOTA_RETRY_AFTER_MISSING = timedelta(hours=1)
"""Wait for QUOTA_EXCEEDED without a usable header; more calls would prolong it."""

QUOTA_EXCEEDED = "QUOTA_EXCEEDED"

_SECONDS = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")


def parse_http_date(value: str) -> datetime | None:
    """Parse an HTTP date to aware UTC; None when it is not one."""
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def observed_at(dates: Sequence[str]) -> datetime | None:
    """Return the time of a response by its `Date`; None if absent, unreadable or contradictory."""
    return parse_http_date(dates[0]) if len(set(dates)) == 1 else None


def retry_after(value: str | None, observed: datetime, reason: str | None = None) -> timedelta:
    """Return how long a 429 asks to wait, between one second and `RETRY_AFTER_MAX`.

    `value` is seconds (whole in the standard, decimal from some servers) or an HTTP date counted from
    `observed`. Zero, negative and past values mean one second; an absent or unreadable one means the
    length of the rate-limit window, an hour for QUOTA_EXCEEDED.
    """
    wait: timedelta | None = None
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        # bounds before timedelta: a number of any length must not overflow it
        wait = timedelta(seconds=math.ceil(max(0.0, min(float(text), RETRY_AFTER_MAX.total_seconds()))))
    elif text and (moment := parse_http_date(text)) is not None:
        wait = moment - observed
    if wait is None:
        wait = QUOTA_RETRY_AFTER_MISSING if reason == QUOTA_EXCEEDED else RETRY_AFTER_MISSING
    return max(timedelta(seconds=1), min(wait, RETRY_AFTER_MAX))
