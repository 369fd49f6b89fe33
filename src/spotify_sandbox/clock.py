"""The sandbox's own clock: set to any moment, then running in real time, or frozen."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 moment as UTC; a text without an offset is taken as UTC.

    Raises ValueError when the text is no ISO 8601 date-time.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class SandboxClock:
    """Every date the sandbox gives (Date header, token expiry, served catalogue) comes from here."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._frozen = frozen
        self._base = (start or datetime.now(UTC)).astimezone(UTC)
        self._started = time.monotonic()

    @property
    def frozen(self) -> bool:
        """Whether time stands still."""
        return self._frozen

    def now(self) -> datetime:
        """The present moment in UTC."""
        if self._frozen:
            return self._base
        return self._base + timedelta(seconds=time.monotonic() - self._started)

    def today(self) -> date:
        """The UTC date of the present moment."""
        return self.now().date()

    def http_date(self) -> str:
        """The present moment as an HTTP Date header (RFC 9110, section 5.6.7)."""
        return format_datetime(self.now(), usegmt=True)

    def set(self, now: datetime | None = None, *, frozen: bool | None = None) -> None:
        """Jump to a moment (default: stay) and freeze or release the clock (default: leave as it is)."""
        self._base = (now or self.now()).astimezone(UTC)
        self._started = time.monotonic()
        if frozen is not None:
            self._frozen = frozen
