"""The result of a check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spotify_pipeline.errors import PipelineError


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


def guarded(subject: str, check: Callable[[], Findings]) -> Findings:
    """Run a check, and convert an error that it raises into a finding.

    Messages of unexpected errors can contain a password, so only those of the operating system are shown.
    """
    try:
        yield from check()
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        reason = error.strerror or type(error).__name__
        yield Finding(subject, f"{subject} cannot be checked:{place} {reason}")
    except PipelineError as error:
        yield Finding(subject, str(error))
    except Exception as error:
        yield Finding(subject, f"{subject} cannot be checked: {type(error).__name__}")
