"""State of a span of dates in the Spark engine: inputs, leases and results of each source."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from spotify_pipeline import errors
from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.errors import PipelineError
from spotify_pipeline.lake.validated import read_ahead
from spotify_pipeline.spark.executor import Unit
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.load import LOAD, REPLAY, load_source, metadata_writer, state_of
from spotify_pipeline.stages.load_inputs import LoadInputs, read_inputs, refuse_bad_share
from spotify_pipeline.stages.plays import check_reading
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import lease
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.erasures import refuse_data_of_erased
from spotify_pipeline.warehouse.lease import Lease
from spotify_pipeline.warehouse.span import SpanLoad

log = logging.getLogger(__name__)
Report = Callable[[str], None]
Pair = tuple[date, str]


@dataclass
class Span:
    """Units in the order of partitions and sources; the mappings are by unit number."""

    units: list[Unit]
    # of ingests, which take precedence
    fences: dict[Pair, int]
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    inputs: dict[int, LoadInputs] = field(default_factory=dict)
    leases: dict[Pair, Lease] = field(default_factory=dict)
    # errors of units that are not loaded
    failed: dict[int, PipelineError] = field(default_factory=dict)
    states: dict[int, SourceState] = field(default_factory=dict)
    # by record kind, stubs left out
    kinds: dict[int, dict[str, KindCounts]] = field(default_factory=lambda: defaultdict(dict))
    # distinct ids of all kinds, stubs included
    ids: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, runtime: Runtime, pairs: Sequence[Pair]) -> Span:
        """Return a span before its validation; `pairs` are sorted.

        Raises:
            WarehouseUnavailable: it cannot be reached.
        """
        units = [Unit(number, *pair) for number, pair in enumerate(pairs, start=1)]
        return cls(units, lease.fences_of(runtime.ingest, LOAD, pairs))

    @property
    def left(self) -> list[Unit]:
        """Units that have not failed."""
        return [unit for unit in self.units if unit.number not in self.failed]

    @property
    def numbers(self) -> list[int]:
        """Numbers of `left`."""
        return [unit.number for unit in self.left]

    def fail(self, number: int, error: PipelineError) -> None:
        """Record the error of a unit; it is left out from now on."""
        unit = self.units[number - 1]
        log.error("source %s of %s: %s: %s", unit.source, unit.partition, type(error).__name__, error)
        self.failed[number] = error

    def fail_unreadable(self, failures: Mapping[int, str]) -> None:
        """Fail the units that an executor could not read; values are name and message of the error."""
        for number, words in failures.items():
            name, _, message = words.partition(" ")
            self.fail(number, getattr(errors, name)(message))

    def fail_refused(self, reasons: Mapping[int, PipelineError]) -> None:
        """Fail the units whose load was refused, by their index in `loads`."""
        left = self.numbers
        for place, error in reasons.items():
            self.fail(left[place], error)

    def read_inputs(self, runtime: Runtime) -> None:
        """Read the inputs of each load without observations; fail the units that are not allowed to load."""

        def read(unit: Unit) -> LoadInputs | PipelineError:
            try:
                return read_inputs(runtime.lake, unit.partition, unit.source)
            except PipelineError as error:
                return error

        for unit, inputs in read_ahead(self.left, read):
            if isinstance(inputs, PipelineError):
                self.fail(unit.number, inputs)
                continue
            try:
                refuse_bad_share(runtime, inputs)
                _refuse_erased(runtime, inputs)
            except PipelineError as error:
                self.fail(unit.number, error)
            else:
                self.inputs[unit.number] = inputs

    def take_leases(self, runtime: Runtime) -> None:
        """Take the leases of the units that are left, so that an orphan of an earlier attempt cannot write.

        Raises:
            WarehouseUnavailable: it cannot be reached.
        """
        pairs = [(unit.partition, unit.source) for unit in self.left]
        taken = lease.acquire_all(runtime.ingest, REPLAY, pairs, runtime.attempt.holder)
        self.leases = {(held.partition, held.source): held for held in taken}

    def loads(self, runtime: Runtime) -> list[SpanLoad]:
        """Return the loads of the units that are left."""
        return [
            SpanLoad(
                partition=unit.partition,
                source=unit.source,
                ids=self.ids[unit.number],
                lease=self.leases[unit.partition, unit.source],
                complete=self.inputs[unit.number].manifest.complete,
                quarantined=self.inputs[unit.number].quarantined,
                before_commit=metadata_writer(
                    runtime, self.inputs[unit.number], self.fences[unit.partition, unit.source]
                ),
            )
            for unit in self.left
        ]

    def note_states(self, runtime: Runtime) -> None:
        """Record the state of each source that was loaded."""
        for unit in self.left:
            state = state_of(runtime, self.inputs[unit.number], self.kinds[unit.number])
            try:
                self.states[unit.number] = check_reading(unit.partition, state)
            except PipelineError as error:
                self.fail(unit.number, error)

    def load_separately(self, runtime: Runtime, report: Report) -> None:
        """Load each source as the local engine does, from its validated objects."""
        left = self.left
        for done, unit in enumerate(left, start=1):
            report(f"loading source {done} of {len(left)} on its own")
            fence = self.fences[unit.partition, unit.source]
            try:
                state = load_source(runtime, unit.partition, unit.source, fence=fence)
                self.states[unit.number] = check_reading(unit.partition, state)
            except PipelineError as error:
                self.fail(unit.number, error)


def _refuse_erased(runtime: Runtime, inputs: LoadInputs) -> None:
    # checked before landing, so that no data of the account is landed, and again in the load's transaction
    if inputs.manifest.user is not None:
        with connect(runtime.ingest, autocommit=True) as conn:
            refuse_data_of_erased(conn, inputs.manifest.user)
