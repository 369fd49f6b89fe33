"""What Spark's executors do, in plain Python: the same steps as the local engine's, source by source.

Each of these is called with what belongs to one Spark task, and may be called again with the same. An error
of the pipeline comes back as a value, with the unit that it is of: it fails that unit, and no Spark job.
Connections travel inside the pickled callable, which Spark neither logs nor shows.
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
from spotify_pipeline.errors import PipelineError, RowRefused
from spotify_pipeline.lake import Lake
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.stages.load_inputs import occurrences
from spotify_pipeline.stages.replay import validate_again
from spotify_pipeline.warehouse.landing import SOURCE_RECORDS, LandingRow, write_task
from spotify_pipeline.warehouse.table_specs import SPECS, Occurrence

GROUPS = max(len(spec.groups) for spec in SPECS.values())
FAILED = "!"
"""In the place of a record kind: the row says that its unit cannot be read."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
Sighting = tuple[Any, ...]
"""unit, source, kind, key, stub, observed_at (µs since 1970, UTC), rank, raw key, position, and the values of
each field group as JSON, None where the record lacks the group."""


@dataclass(frozen=True, order=True)
class Unit:
    """A partition and source of a span; `number` from 1 is its place among them, by partition and source."""

    number: int
    partition: date
    source: str


@dataclass(frozen=True)
class Validate:
    """Raw → validated objects."""

    lake: ConnectionInfo = field(repr=False)

    def __call__(self, units: Iterable[Unit]) -> Iterator[tuple[int, PipelineError | None]]:
        """Validate units; give the number of each and what went wrong."""
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
    """Validated objects → sightings."""

    lake: ConnectionInfo = field(repr=False)

    def __call__(self, units: Iterable[tuple[int, ValidationSummary]]) -> Iterator[Sighting]:
        """Read units; a FAILED row says which could not be, and with what words."""
        lake = Lake(self.lake)
        for number, summary in units:
            try:
                for position, occurrence in enumerate(occurrences(lake, summary)):
                    yield sighting(number, summary.source, position, occurrence)
            except PipelineError as error:
                words = f"{type(error).__name__} {error}"
                yield (number, summary.source, FAILED, words, True, 0, 0, "", 0, *[None] * GROUPS)


def sighting(unit: int, source: str, position: int, occurrence: Occurrence) -> Sighting:
    """A row for Spark; values go as JSON, for the fold only picks among them."""
    spec = SPECS[occurrence.kind]
    groups = [
        orjson.dumps([occurrence.fields[column] for column in group.columns]).decode() if there else None
        for group, there in zip(spec.groups, spec.groups_in(occurrence), strict=True)
    ]
    return (
        unit,
        source,
        occurrence.kind,
        occurrence.key,
        occurrence.stub,
        (occurrence.observed_at - _EPOCH) // _MICROSECOND,
        occurrence.rank,
        occurrence.raw_key,
        position if occurrence.position is None else occurrence.position,
        *groups,
        *[None] * (GROUPS - len(groups)),
    )


def slim(summary: ValidationSummary) -> ValidationSummary:
    """What an executor needs to read a unit's rows."""
    return replace(summary, shapes=[], reasons={}, counts={})


@dataclass(frozen=True)
class Land:
    """Folded rows → landing tables; `places` gives the place of a unit's load by the unit's number."""

    warehouse: ConnectionInfo = field(repr=False)
    batch: int
    places: dict[int, int]

    def folded(self, task: int, rows: Iterable[Sequence[Any]]) -> Iterator[Counter[str] | RowRefused]:
        """Land what `fold.fold` gives."""
        return self._land(task, tuple(SPECS), (self._folded(*row) for row in rows))

    def source_records(self, task: int, rows: Iterable[Sequence[Any]]) -> Iterator[Counter[str] | RowRefused]:
        """Land what `fold.source_records` gives."""
        return self._land(task, (SOURCE_RECORDS,), (self._source_record(*row) for row in rows))

    def _land(
        self, task: int, tables: Sequence[str], rows: Iterable[LandingRow]
    ) -> Iterator[Counter[str] | RowRefused]:
        # Spark sorts before it gives the first row: no transaction is kept waiting for that
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
