"""Functions that run on Spark's executors, in plain Python, with the stages of the local engine.

Each callable gets the input of one Spark task, and can be called again with the same input. An error of the
pipeline is returned as a value with its unit, so that it fails the unit and not the Spark job. Connections
are inside the pickled callable, which Spark neither logs nor shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain, islice
from typing import Any

import orjson

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.errors import PipelineError, RowRefused
from spotify_pipeline.lake import Lake
from spotify_pipeline.lake.validated import read_observations
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.stages.replay import validate_again
from spotify_pipeline.warehouse.landing import SOURCE_RECORDS, LandingRow, write_task
from spotify_pipeline.warehouse.table_specs import SPECS

GROUPS = max(len(spec.groups) for spec in SPECS.values())
FAILED = "!"
"""Replaces the record kind in a row that reports an unreadable unit."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
SparkRow = tuple[Any, ...]
"""unit, source, kind, key, stub, observed_at (µs since 1970, UTC), rank, raw key, position, and the values of
each field group as JSON, None if the record lacks the group."""


@dataclass(frozen=True, order=True)
class Unit:
    """A partition and source of a span, numbered from 1 in their order."""

    number: int
    partition: date
    source: str


@dataclass(frozen=True)
class Validate:
    """Raw → validated objects: called with the units of one Spark task."""

    lake: ConnectionInfo = field(repr=False)

    def __call__(self, units: Iterable[Unit]) -> Iterator[tuple[int, PipelineError | None]]:
        """Validate units; yield the number of each and its error."""
        lake = Lake(self.lake)
        for unit in units:
            try:
                validate_again(lake, unit.partition, unit.source)
            except PipelineError as error:
                yield unit.number, error
            else:
                yield unit.number, None


@dataclass(frozen=True)
class Read:
    """Validated objects → rows for Spark: called with the units of one Spark task."""

    lake: ConnectionInfo = field(repr=False)

    def __call__(self, units: Iterable[tuple[int, ValidationSummary]]) -> Iterator[SparkRow]:
        """Read units, and yield their rows; a FAILED row has the error of a unit that cannot be read."""
        lake = Lake(self.lake)
        for number, summary in units:
            try:
                for position, observation in enumerate(read_observations(lake, summary)):
                    yield spark_row(number, summary.source, position, observation)
            except PipelineError as error:
                words = f"{type(error).__name__} {error}"
                yield (number, summary.source, FAILED, words, True, 0, 0, "", 0, *[None] * GROUPS)


def spark_row(unit: int, source: str, position: int, observation: Observation) -> SparkRow:
    """Return an observation as a row for Spark; values are JSON, because the fold does not look into them.

    Raises:
        ValueError: the observation does not fit its table.
    """
    spec = SPECS[observation.kind]
    columns = iter(spec.values(observation)[len(spec.groups) :])
    groups = []
    for group in spec.groups:
        values = list(islice(columns, len(group.columns)))
        groups.append(orjson.dumps(values).decode() if group.name in observation.groups else None)
    return (
        unit,
        source,
        observation.kind,
        observation.key,
        observation.stub,
        (observation.observed_at - _EPOCH) // _MICROSECOND,
        observation.rank,
        observation.raw_key,
        position,
        *groups,
        *[None] * (GROUPS - len(groups)),
    )


def reduced_summary(summary: ValidationSummary) -> ValidationSummary:
    """Return a summary reduced to the fields that an executor needs to read the observations."""
    return replace(summary, profiles=[], reasons={}, counts={})


@dataclass(frozen=True)
class Land:
    """Folded rows → landing tables; `places` has the index of a unit's load by the unit's number."""

    warehouse: ConnectionInfo = field(repr=False)
    batch: int
    places: dict[int, int]

    def folded(self, task: int, rows: Iterable[Sequence[Any]]) -> Iterator[Counter[str] | RowRefused]:
        """Land the rows of `fold.fold`."""
        return self._land(task, tuple(SPECS), (self._folded(*row) for row in rows))

    def source_records(self, task: int, rows: Iterable[Sequence[Any]]) -> Iterator[Counter[str] | RowRefused]:
        """Land the rows of `fold.source_records`."""
        return self._land(task, (SOURCE_RECORDS,), (self._source_record(*row) for row in rows))

    def _land(
        self, task: int, tables: Sequence[str], rows: Iterable[LandingRow]
    ) -> Iterator[Counter[str] | RowRefused]:
        # Spark sorts before it yields the first row; the transaction begins after that
        rows = iter(rows)
        first = list(islice(rows, 1))
        try:
            yield write_task(self.warehouse, self.batch, task, tables, chain(first, rows))
        except RowRefused as error:
            yield error  # another attempt would be refused too

    def _folded(self, kind: str, key: str, observed_on: int, *winners: Sequence[Any] | None) -> LandingRow:
        values: list[Any] = [key, _date(observed_on)]
        place = 0
        for group, winner in zip(SPECS[kind].groups, winners, strict=False):
            if winner is None:
                values += [None] * (3 + len(group.columns))
                continue
            observed_at, rank, raw_key, _position, unit, columns = winner
            values += [_EPOCH + observed_at * _MICROSECOND, rank, raw_key, *orjson.loads(columns)]
            place = max(place, self.places[unit])
        return LandingRow(kind, place, values)

    def _source_record(self, *row: Any) -> LandingRow:
        source, kind, key, first, last, unit = row
        values = [source, kind, key, _date(first), _date(last)]
        return LandingRow(SOURCE_RECORDS, self.places[unit], values)


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH_DAY + day)
