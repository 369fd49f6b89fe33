"""Stores the results of a task's earlier tries, so that a retry repeats only unfinished sources."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from spotify_pipeline.errors import TerminalError, TransientError
from spotify_pipeline.stages.group import SourceState

log = logging.getLogger(__name__)
_KEY = "finished_sources"

Work = Callable[[SourceState], SourceState]


class RetryState:
    """Sources that earlier tries of a task instance completed, or that failed with a TerminalError.

    They are in Airflow's state store of the task. A cleared task starts again: its tries are a new series,
    with another `max_tries`.
    """

    def __init__(self, context: Any) -> None:
        self._store = context["task_state_store"]
        self._series = context["ti"].max_tries
        kept = self._store.get(_KEY)
        of_these_tries = isinstance(kept, dict) and kept.get("series") == self._series
        states = map(SourceState.from_dict, kept["states"]) if of_these_tries else ()
        self._known = {state.source: state for state in states}

    def once(self, work: Work) -> Work:
        """Wrap `work` so that it runs only for sources that are not finished."""

        def done(state: SourceState) -> SourceState:
            known = self._known.get(state.source)
            if known is not None:
                log.info("an earlier try finished source %s: %s", state.source, known.status)
                return known
            try:
                result = work(state)
            except TerminalError as error:
                self._known[state.source] = SourceState(state.source, "failed", str(error))
                raise
            if result.status == "complete":
                self._known[state.source] = result
            return result

        return done

    @contextmanager
    def kept_for_a_retry(self) -> Iterator[None]:
        """Store the finished sources if the block raises a TransientError, which Airflow retries."""
        try:
            yield
        except TransientError:
            if self._known:
                states = [self._known[name].to_dict() for name in sorted(self._known)]
                self._store.set(_KEY, {"series": self._series, "states": states})
            raise
