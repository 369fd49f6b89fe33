"""`spotify-pipeline replay`: replays dates as the DAG spotify_replay does, without Airflow."""

from __future__ import annotations

import multiprocessing
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.output import Json, console, print_json, progress_bar
from spotify_pipeline.contract.counts import COUNTS, KindCounts, total
from spotify_pipeline.errors import PipelineError
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.reconcile import Verdict
from spotify_pipeline.stages.replay import Replay, plan_replay, reconcile_replay, replay_partition, spans_of
from spotify_pipeline.stages.runtime import Attempt, Runtime

NEXT_STEP = "Next: trigger the DAG spotify_transform, so that the marts and the report follow."


class Engine(StrEnum):
    """Engine that replays the dates."""

    LOCAL = "local"
    SPARK = "spark"


_DATE = {"formats": ["%Y-%m-%d"], "metavar": "YYYY-MM-DD"}


@dataclass(frozen=True)
class Replayed:
    """Result of one date: the states of its sources, and an error of the whole date."""

    partition: date
    states: list[SourceState]
    verdict: Verdict = field(default_factory=Verdict)
    error: str | None = None

    @property
    def counts(self) -> KindCounts:
        """Sum over all record kinds and sources."""
        return total(counts for state in self.states for counts in state.counts.values())

    @property
    def failures(self) -> dict[str, str]:
        """Reasons by source; `-` is the error of the whole date."""
        return self.verdict.failed | ({"-": self.error} if self.error else {})

    @property
    def result(self) -> str:
        """`failed`, `partial` or `complete`."""
        return "failed" if self.failures else "partial" if self.verdict.partial else "complete"

    def to_dict(self) -> dict[str, Any]:
        """Return the values that `--json` prints."""
        return {
            "date": self.partition.isoformat(),
            "sources": len(self.states),
            **{name: getattr(self.counts, name) for name in COUNTS},
            "result": self.result,
            "failures": self.failures,
        }


def replay(
    first: Annotated[datetime, typer.Option("--from", help="First date.", **_DATE)],
    last: Annotated[datetime, typer.Option("--to", help="Last date, included.", **_DATE)],
    *,
    source: Annotated[
        list[str] | None, typer.Option(help="Only this source; can be repeated. Default: all.")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            show_default="one per core, at most 4",
            help="Dates at the same time (local engine).",
        ),
    ] = min(4, os.cpu_count() or 1),
    engine: Annotated[
        Engine, typer.Option(help="spark, for long ranges, needs `make spark` and Java 17.")
    ] = Engine.LOCAL,
    master: Annotated[
        str | None, typer.Option(help="Where Spark runs, such as local[2] or spark://host:7077.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Load the stored raw of a range of dates again, with today's schemas and code, without calling Spotify.

    The next run of spotify_transform updates the marts; the DAG spotify_replay starts such a run by itself.
    """
    run_id = f"command-line replay {uuid.uuid4().hex[:8]}"
    planned = plan_replay(_runtime(run_id), first.date(), last.date(), source or ())
    done = []
    # with --json, stdout holds the document only
    with progress_bar("dates", Console(stderr=True) if as_json else None) as progress:
        what = "1 date" if len(planned) == 1 else f"{len(planned)} dates"
        bar = progress.add_task(f"Replaying {what}", total=len(planned))
        if engine is Engine.SPARK:
            work = _replay_with_spark(planned, run_id, master, progress.console.print)
        else:
            work = _replay_all(planned, run_id, workers)
        for replayed in work:
            done.append(replayed)
            progress.advance(bar)
            if progress.disable:
                progress.console.print(f"{replayed.partition}: {len(replayed.states)} sources")
    done.sort(key=lambda replayed: replayed.partition)
    if as_json:
        print_json([replayed.to_dict() for replayed in done])
    else:
        console.print(_table(done))
    failures = [(day.partition, *failure) for day in done for failure in sorted(day.failures.items())]
    for day, name, reason in failures:
        typer.echo(f"error: {day} {name}: {reason}", err=True)
    if failures:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(NEXT_STEP)


def _runtime(run_id: str) -> Runtime:
    return Runtime(lookup=environment_or_stack, attempt=Attempt(run_id))


def _replay_all(planned: list[Replay], run_id: str, workers: int) -> Iterator[Replayed]:
    if workers == 1 or len(planned) == 1:
        yield from (_replay_one(replay, run_id) for replay in planned)
        return
    # a process each: validation is work for the processor
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(planned)), mp_context=context) as pool:
        futures = {pool.submit(_replay_one, replay, run_id): replay for replay in planned}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                lost = "its process was ended (out of memory?): replay this date again, with --workers 1"
                yield Replayed(futures[future].partition, [], error=lost)


def _replay_with_spark(
    planned: list[Replay], run_id: str, master: str | None, report: Callable[[str], None]
) -> Iterator[Replayed]:
    from spotify_pipeline.spark.engine import replay_span  # noqa: PLC0415 - most replays do not need it
    from spotify_pipeline.spark.session import cluster_of, spark_session  # noqa: PLC0415

    runtime = _runtime(run_id)
    settings = runtime.settings
    where, conf = cluster_of(runtime.lookup, settings, master)
    report(f"starting Spark with master {where}")
    with spark_session(where, conf) as spark:
        for span in spans_of(planned, settings.spark_span_days):
            try:
                states = replay_span(runtime, spark, span, report=report)
            except PipelineError as error:
                yield from (Replayed(replay.partition, [], error=str(error)) for replay in span)
                continue
            for partition, of_partition in states.items():
                yield _reconciled(runtime, partition, of_partition)


def _reconciled(runtime: Runtime, partition: date, states: list[SourceState]) -> Replayed:
    try:
        return Replayed(partition, states, reconcile_replay(runtime, partition, states))
    except PipelineError as error:
        return Replayed(partition, states, error=str(error))


def _replay_one(replay: Replay, run_id: str) -> Replayed:
    try:
        runtime = _runtime(run_id)
        states = replay_partition(runtime, replay)
        return Replayed(replay.partition, states, reconcile_replay(runtime, replay.partition, states))
    except PipelineError as error:
        return Replayed(replay.partition, [], error=str(error))


def _table(done: list[Replayed]) -> Table:
    # narrow enough for a terminal of 80 columns
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in ("date", "sources", "fetched", "loaded", "quar.", "dupl.", "aside", "result"):
        table.add_column(heading, no_wrap=True, justify="left" if heading in {"date", "result"} else "right")
    for replayed in done:
        counts = replayed.counts
        table.add_row(
            str(replayed.partition),
            str(len(replayed.states)),
            *(f"{getattr(counts, name):,}" for name in COUNTS),
            replayed.result,
        )
    return table
