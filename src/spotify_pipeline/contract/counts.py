"""Counts of the records of one kind, on their way from the response to staging."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(slots=True)
class KindCounts:
    """Counts of one record kind.

    A validation counts `fetched`, `quarantined` and `set_aside`; a load adds `loaded` and `duplicates`.

    Attributes:
        fetched: all records in the responses.
        loaded: distinct keys that were accepted: inserted, updated, unchanged or superseded by a newer one.
        quarantined: records that break the contract.
        duplicates: repeats of a key within one source.
        set_aside: local tracks, episodes and nulls.
    """

    fetched: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicates: int = 0
    set_aside: int = 0

    @property
    def accepted(self) -> int:
        """Records that satisfy the contract."""
        return self.fetched - self.quarantined - self.set_aside

    @property
    def adds_up(self) -> bool:
        """Whether every record that was fetched is accounted for."""
        return self.fetched == self.loaded + self.quarantined + self.duplicates + self.set_aside


COUNTS = tuple(each.name for each in fields(KindCounts))
"""Names of the counts."""


def total(counts: Iterable[KindCounts]) -> KindCounts:
    """Return the sum of several counts."""
    found = list(counts)
    return KindCounts(*(sum(getattr(each, name) for each in found) for name in COUNTS))
