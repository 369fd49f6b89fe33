"""The clock of the sandbox: set to any moment, then running in real time, or frozen."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 moment; without an offset it is UTC.

    Raises:
        ValueError: the text is not an ISO 8601 date-time.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class SandboxClock:
    """Source of every date of the sandbox: Date header, expiry of tokens, served catalogue."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._frozen = frozen
        self._base = (start or datetime.now(UTC)).astimezone(UTC)
        self._started = time.monotonic()

    @property
    def frozen(self) -> bool:
        """Whether the clock is frozen."""
        return self._frozen

    def now(self) -> datetime:
        """Return the current moment in UTC."""
        if self._frozen:
            return self._base
        return self._base + timedelta(seconds=time.monotonic() - self._started)

    def today(self) -> date:
        """Return the current date in UTC."""
        return self.now().date()

    def http_date(self) -> str:
        """Return the current moment as an HTTP Date header (RFC 9110, section 5.6.7)."""
        return format_datetime(self.now(), usegmt=True)

    def set(self, now: datetime | None = None, *, frozen: bool | None = None) -> None:
        """Set the moment and whether the clock is frozen; None leaves either unchanged."""
        self._base = (now or self.now()).astimezone(UTC)
        self._started = time.monotonic()
        if frozen is not None:
            self._frozen = frozen
