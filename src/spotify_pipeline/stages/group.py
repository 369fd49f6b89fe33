"""Runs a stage for several sources in one task; a source that fails does not stop the others."""

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
    """Status of a source with its reason, and after the load its counts by record kind.

    It is passed between tasks as XCom, so it never contains records.
    """

    source: str
    status: Status = "complete"
    message: str | None = None
    counts: Mapping[str, KindCounts] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether later stages skip it."""
        return self.status == "failed"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for XCom."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> SourceState:
        """Make a state from the values of `to_dict`."""
        counts = {kind: KindCounts(**values) for kind, values in fields["counts"].items()}
        return cls(fields["source"], fields["status"], fields["message"], counts)


def for_each(
    states: Iterable[SourceState], work: Callable[[SourceState], SourceState], *, tries_left: bool
) -> list[SourceState]:
    """Call `work` for each source that has not failed before; pass failed ones on unchanged.

    Args:
        states: the sources of a group.
        work: one stage of one source.
        tries_left: whether the task is tried again after a TransientError.

    Raises:
        TransientError: a source raised it and tries are left; the other sources are finished first.
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
