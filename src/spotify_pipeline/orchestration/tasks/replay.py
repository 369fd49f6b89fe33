"""Tasks of spotify_replay, which replay the dates of a range in mapped units."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException

from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.errors import ReconciliationError, SourcesFailed
from spotify_pipeline.lake import keys
from spotify_pipeline.orchestration import lineage
from spotify_pipeline.orchestration.runtime import running, tries_are_left
from spotify_pipeline.spark.engine import replay_span
from spotify_pipeline.spark.session import cluster_of, require_spark, spark_session
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.reconcile import Verdict
from spotify_pipeline.stages.replay import Replay, plan_replay, reconcile_replay, replay_partition, spans_of
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.advisory_locks import spark_lock
from spotify_pipeline.warehouse.migrate import migrate

log = logging.getLogger(__name__)
LOCAL, SPARK = "local", "spark"
"""Engines."""
_LOCK_WAIT = timedelta(seconds=20)
MAX_UNITS = 1000
"""Airflow maps a task 1,024 times at most ([core] max_map_length)."""
Unit = dict[str, Any]
"""XCom of a mapped unit: `label`, `engine`, and `partitions` with their sources and, later, their states."""


def plan() -> list[Unit]:
    """Return the dates of the run's range that have raw, as units of one date, or of a span with Spark.

    A range of more dates than Airflow can map has units of several dates.
    """
    params = get_current_context()["params"]
    with running() as runtime:
        first, last = (keys.parse_partition(str(params[name])) for name in ("from", "to"))
        migrate(runtime.lookup(WAREHOUSE_OWNER))
        planned = plan_replay(runtime, first, last, params["sources"] or ())
        if params["engine"] == SPARK:
            require_spark()  # fails the run before it does anything
            return units_of(planned, runtime.settings.spark_span_days, engine=SPARK)
        return units_of(planned)


def units_of(planned: list[Replay], size: int = 1, *, engine: str = LOCAL) -> list[Unit]:
    """Group dates into units of `size` consecutive ones, or more if there are over `MAX_UNITS` units."""
    return [
        {
            "label": _label(chunk),
            "engine": engine,
            "partitions": [
                {"partition": replay.partition.isoformat(), "sources": list(replay.sources)}
                for replay in chunk
            ],
        }
        for chunk in spans_of(planned, max(size, -(-len(planned) // MAX_UNITS)))
    ]


def _label(chunk: list[Replay]) -> str:
    first, last = chunk[0].partition, chunk[-1].partition
    sources = sum(len(replay.sources) for replay in chunk)
    dates = str(first) if first == last else f"{first} to {last}"
    return f"{dates}, {sources} source{'s' if sources != 1 else ''}"


def replay(unit: Unit) -> Unit:
    """Replay the dates of a unit, source by source, or all at once with Spark."""
    get_current_context()["label"] = unit["label"]
    with running() as runtime:
        planned = [
            Replay(keys.parse_partition(fields["partition"]), tuple(fields["sources"]))
            for fields in unit["partitions"]
        ]
        with_engine = _with_spark if unit["engine"] == SPARK else _one_by_one
        done = []
        for fields, (partition, states) in zip(
            unit["partitions"], with_engine(runtime, planned), strict=True
        ):
            lineage.replayed(runtime.lookup, partition, states)
            done.append({**fields, "states": [state.to_dict() for state in states]})
        return {**unit, "partitions": done}


def _one_by_one(runtime: Runtime, planned: list[Replay]) -> Iterator[tuple[date, list[SourceState]]]:
    for each in planned:
        yield each.partition, replay_partition(runtime, each, tries_left=tries_are_left())


def _with_spark(runtime: Runtime, planned: list[Replay]) -> Iterable[tuple[date, list[SourceState]]]:
    """Replay all dates as one Spark job in this process; one such task runs at a time.

    Raises:
        AirflowRescheduleException: another task has the lock; the slot is free meanwhile, and no try is used.
    """
    with spark_lock(runtime.ingest) as locked:
        if not locked:
            log.info("another span is being replayed with Spark: this one waits")
            raise AirflowRescheduleException(datetime.now(UTC) + _LOCK_WAIT)
        with spark_session(*cluster_of(runtime.lookup, runtime.settings)) as spark:
            return replay_span(runtime, spark, planned, tries_left=tries_are_left()).items()


def reconcile(unit: Unit, asset: Any) -> Unit:
    """Check the counts of each date of a unit, and emit the asset with their keys.

    A date of which nothing was loaded emits nothing and does not stop the others.
    """
    context = get_current_context()
    context["label"] = unit["label"]
    verdicts: dict[str, Verdict] = {}
    loaded: dict[str, Verdict] = {}
    with running() as runtime:
        for fields in unit["partitions"]:
            states = [SourceState.from_dict(state) for state in fields["states"]]
            day = fields["partition"]
            try:
                verdicts[day] = reconcile_replay(runtime, keys.parse_partition(day), states)
                loaded[day] = verdicts[day]
            except ReconciliationError as error:
                if len(unit["partitions"]) == 1:
                    raise
                log.error("%s", error)
                failed = {state.source: state.message or "failed" for state in states}
                verdicts[day] = Verdict(failed=failed)
        if not loaded:
            raise ReconciliationError(
                f"nothing was loaded of {unit['label']}: read the log of its task replay"
            )
    event = context["outlet_events"][asset]
    event.add_partitions(sorted(loaded))
    event.extra = summary_of(verdicts)
    return {"label": unit["label"], "verdicts": {day: vars(verdict) for day, verdict in verdicts.items()}}


def summary_of(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """Return the event's extra: that of an ingest for one date; with dates before the names for several."""

    def names(day: str, sources: Iterable[str]) -> dict[str, str]:
        return {source: source if len(verdicts) == 1 else f"{day} {source}" for source in sources}

    summary: dict[str, Any] = {"complete": [], "partial": {}, "failed": {}}
    for day, verdict in sorted(verdicts.items()):
        summary["complete"] += names(day, verdict.complete).values()
        for status in ("partial", "failed"):
            reasons: Mapping[str, str] = getattr(verdict, status)
            summary[status] |= {name: reasons[source] for source, name in names(day, reasons).items()}
    return summary


def conclude(unit: Unit) -> str:
    """Fail a unit if a source failed; the others are loaded and published."""
    get_current_context()["label"] = unit["label"]
    with running():
        verdicts = {day: Verdict(**fields) for day, fields in unit["verdicts"].items()}
        _raise_failures(verdicts)
        return f"{sum(len(verdict.complete) for verdict in verdicts.values())} sources complete"


def _raise_failures(verdicts: Mapping[str, Verdict]) -> None:
    """Raise one error that names all failed sources of all dates."""
    errors = []
    for day, verdict in sorted(verdicts.items()):
        try:
            verdict.raise_failures(day)
        except SourcesFailed as error:
            errors.append(str(error))
    if errors:
        raise SourcesFailed("; ".join(errors))
