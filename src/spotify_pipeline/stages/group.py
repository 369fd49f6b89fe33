"""Several sources in one task: one that fails does not hold the others back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.errors import PipelineError, TransientError

log = logging.getLogger(__name__)
Status = Literal["complete", "partial", "failed"]


@dataclass(frozen=True)
class SourceState:
    """How far a source has come, why no further, and its counts by record kind once it is loaded.

    It is passed between tasks as XCom: counts and names, never records.
    """

    source: str
    status: Status = "complete"
    message: str | None = None
    counts: Mapping[str, KindCounts] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether later stages leave it out."""
        return self.status == "failed"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for XCom."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> SourceState:
        """Read `to_dict` back."""
        counts = {kind: KindCounts(**values) for kind, values in fields["counts"].items()}
        return cls(fields["source"], fields["status"], fields["message"], counts)


def for_each(
    states: Iterable[SourceState], work: Callable[[SourceState], SourceState], *, tries_left: bool
) -> list[SourceState]:
    """Call `work` for each source that has not failed before; failed ones are passed on as they are.

    Args:
        states: the sources of a group.
        work: one stage of one source.
        tries_left: whether the task is tried again after a TransientError.

    Raises:
        TransientError: a source met one and tries are left; the others are done first, so that the next try
            finds them finished.
        PipelineError: every source of the group has failed; the first error.
    """
    results: list[SourceState] = []
    errors: list[PipelineError] = []
    for state in states:
        if state.failed:
            results.append(state)
            continue
        try:
            results.append(work(state))
        except PipelineError as error:
            log.error("source %s: %s: %s", state.source, type(error).__name__, error)
            errors.append(error)
            results.append(SourceState(state.source, "failed", str(error)))
    transient = next((error for error in errors if isinstance(error, TransientError)), None)
    if transient is not None and tries_left:
        raise transient
    if errors and all(state.failed for state in results):
        raise errors[0]
    return results
