"""Generates lists that change from day to day, and depend only on a key and the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spotify_sandbox.ids import Draw, digest

_FOUNDED = datetime(2019, 3, 1, 18, tzinfo=UTC)
_FOUNDERS_LEAVE_FROM = datetime(2026, 1, 1, tzinfo=UTC)
_FOUNDERS_LEAVE_DAYS = 730
_MOVES_EVERY = 9


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a list; `key` is the seed of its content."""

    key: int
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Churn:
    """Rules by which a list changes.

    Attributes:
        key: Seed of the list.
        founders: Number of first entries, half of which leave one by one in 2026 and 2027.
        per_day: Entries added per day on average.
        stay: Least and greatest number of days that such an entry stays.
    """

    key: int
    founders: int
    per_day: float
    stay: tuple[int, int] = (10, 60)

    def at(self, now: datetime) -> list[Entry]:
        """Return the entries at a moment, oldest first."""
        living = [entry for number in range(self.founders) if (entry := self._founder(number, now))]
        first = now.toordinal() - self.stay[1]
        for day in range(first, now.toordinal() + 1):
            living += self._added_on(day, now)
        return sorted(living, key=lambda entry: (entry.added_at, entry.key))

    def ordered_at(self, now: datetime) -> list[Entry]:
        """Return the entries in the order of a playlist: as added, but with every tenth moved."""
        living = self.at(now)

        def place(item: tuple[int, Entry]) -> tuple[float, int]:
            position, entry = item
            draw = Draw(self.key, entry.key, 41)
            if not draw.chance(0.1):
                return float(position), entry.key
            turn = (now.toordinal() + draw.below(_MOVES_EVERY)) // _MOVES_EVERY
            return Draw(self.key, entry.key, turn).unit() * len(living), entry.key

        return [entry for _, entry in sorted(enumerate(living), key=place)]

    def _founder(self, number: int, now: datetime) -> Entry | None:
        key = digest(self.key, 42, number)
        draw = Draw(key, 1)
        added = _FOUNDED + timedelta(days=number, seconds=draw.below(14_400))
        leaves = _FOUNDERS_LEAVE_FROM + timedelta(seconds=draw.below(_FOUNDERS_LEAVE_DAYS * 86_400))
        gone = draw.chance(0.5) and leaves <= now
        return None if gone or added > now else Entry(key, added)

    def _added_on(self, day: int, now: datetime) -> list[Entry]:
        draw = Draw(self.key, 43, day)
        whole, part = divmod(self.per_day, 1)
        midnight = datetime.fromordinal(day).replace(tzinfo=UTC)
        living = []
        for number in range(int(whole) + draw.chance(part)):
            added = midnight + timedelta(seconds=draw.below(86_400))
            stays = timedelta(days=self.stay[0], seconds=draw.below((self.stay[1] - self.stay[0]) * 86_400))
            if added <= now < added + stays:
                living.append(Entry(digest(self.key, day, number), added))
        return living
