"""The result of a check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Result of a check.

    Attributes:
        subject: What was checked.
        problem: One sentence with the problem and its solution; "" if there is none.
    """

    subject: str
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problem


Findings = Iterator[Finding]
