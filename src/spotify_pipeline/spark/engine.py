"""The driver of the Spark engine: executors validate and fold a span of dates, and the driver merges it.

The rules are those of `stages.replay`: an ingest of the same partition takes precedence, a bad source fails
alone, and nothing is half-written. If the load of a source is refused, the others are folded again without
it. If Postgres refuses a record of the span, each source is loaded separately, so that only one fails.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg

from spotify_pipeline.connections import SPOTIFY_LAKE
from spotify_pipeline.errors import RowRefused, TransientError
from spotify_pipeline.spark import executor
from spotify_pipeline.spark.session import spark_errors
from spotify_pipeline.spark.span import Report, Span
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.replay import Replay
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import landing
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.merge import loaded_counts
from spotify_pipeline.warehouse.span import LoadsRefused, load_span

if TYPE_CHECKING:
    from pyspark import RDD
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)
_TASKS = 1_000


def replay_span(
    runtime: Runtime,
    spark: SparkSession,
    replays: Sequence[Replay],
    *,
    tries_left: bool = False,
    report: Report = log.info,
) -> dict[date, list[SourceState]]:
    """Replay partitions with Spark, and return the states of their sources by partition.

    Raises:
        TransientError: a source raised it and tries are left, or Spark, the store or the warehouse was lost.
        PipelineError: every source of the span has failed; the first error.
    """
    pairs = sorted((replay.partition, source) for replay in replays for source in replay.sources)
    span = Span.of(runtime, pairs)
    report(f"validating {len(pairs)} sources of {len(replays)} dates")
    with spark_errors():
        _validate(runtime, spark, span)
        span.read_inputs(runtime)
        if span.left:
            _load(runtime, spark, span, report)
    transient = next((error for error in span.failed.values() if isinstance(error, TransientError)), None)
    if transient is not None and tries_left:
        raise transient
    if len(span.failed) == len(span.units):
        raise span.failed[min(span.failed)]
    states: dict[date, list[SourceState]] = defaultdict(list)
    for unit in span.units:
        error = span.failed.get(unit.number)
        state = SourceState(unit.source, "failed", str(error)) if error else span.states[unit.number]
        states[unit.partition].append(state)
    return states


def _validate(runtime: Runtime, spark: SparkSession, span: Span) -> None:
    validate = executor.Validate(runtime.lookup(SPOTIFY_LAKE))
    for number, error in _parallelize(spark, "validate", span.units).mapPartitions(validate).collect():
        if error is not None:
            span.fail(number, error)


def _load(runtime: Runtime, spark: SparkSession, span: Span, report: Report) -> None:
    from spotify_pipeline.spark import fold  # noqa: PLC0415 - needs pyspark

    span.take_leases(runtime)
    report(f"folding {len(span.left)} sources")
    summaries = [
        (unit.number, executor.reduced_summary(span.inputs[unit.number].summary)) for unit in span.left
    ]
    read = executor.Read(runtime.lookup(SPOTIFY_LAKE))
    observed = _parallelize(spark, "read", summaries).mapPartitions(read)
    rows = spark.createDataFrame(observed, fold.schema(), verifySchema=False).persist()
    try:
        span.fail_unreadable(fold.failures(rows))
        for row in fold.counts(fold.by_key(fold.of_units(rows, span.numbers, spark))).collect():
            span.kinds[row.unit][row.kind] = loaded_counts(row.observed, row.loaded)
            span.ids[row.unit] += row.ids
        while span.left:
            try:
                _fold_and_merge(runtime, fold.of_units(rows, span.numbers, spark), span, report)
            except LoadsRefused as refused:
                span.fail_refused(refused.reasons)
            except RowRefused as error:
                log.warning("%s; so each source is loaded on its own", error)
                span.load_separately(runtime, report)
                return
            else:
                span.note_states(runtime)
                return
    finally:
        rows.unpersist()


def _fold_and_merge(runtime: Runtime, rows: DataFrame, span: Span, report: Report) -> None:
    """Land the rows of the units that have not failed, and load them.

    Raises:
        LoadsRefused, RowRefused: see `load_span`.
    """
    from spotify_pipeline.spark import fold  # noqa: PLC0415

    places = {number: place for place, number in enumerate(span.numbers, start=1)}
    with _batch(runtime) as (conn, batch):
        land = executor.Land(runtime.ingest, batch, places)
        landed = _land(fold.fold(rows), land.folded)
        landed += _land(fold.source_records(fold.by_key(rows)), land.source_records)
        report(f"merging {sum(landed.values()):,} rows of {len(places)} sources")
        load_span(
            conn,
            batch,
            landed,
            span.loads(runtime),
            run_id=runtime.attempt.run_id,
            try_number=runtime.attempt.try_number,
            started_at=span.started_at,
        )


@contextmanager
def _batch(runtime: Runtime) -> Iterator[tuple[psycopg.Connection, int]]:
    """Open a batch of landing rows and the session that holds it; close both at the end."""
    name = "spotify-pipeline replay with Spark"
    with connect(runtime.ingest, application_name=name, autocommit=True) as conn:
        batch = landing.open_batch(conn, runtime.attempt.run_id)
        try:
            yield conn, batch
        finally:
            try:
                landing.close_batch(conn, batch)
            except psycopg.Error as error:  # the next batch removes it
                log.warning("batch %d of landing rows is left behind: %s", batch, type(error).__name__)


def _land(
    rows: DataFrame, write: Callable[[int, Iterable[Any]], Iterable[Counter[str] | RowRefused]]
) -> Counter[str]:
    landed: Counter[str] = Counter()
    for outcome in rows.rdd.mapPartitionsWithIndex(write).collect():
        if isinstance(outcome, RowRefused):
            raise outcome
        landed += outcome
    return landed


def _parallelize(spark: SparkSession, what: str, items: Sequence[Any]) -> RDD[Any]:
    """Distribute items over Spark tasks, one each; several if there are more than `_TASKS` items."""
    context = spark.sparkContext
    context.setJobDescription(f"{what} {len(items)} sources")
    return context.parallelize(items, min(len(items), _TASKS))
