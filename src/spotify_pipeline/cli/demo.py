"""`spotify-pipeline demo`: run some days through the whole pipeline."""

from __future__ import annotations

import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.cli.output import console, progress_bar, progress_console
from spotify_pipeline.cli.stack import (
    CatalogOption,
    ExecutorOption,
    StoreOption,
    WorkersOption,
    addresses,
    check_mode,
    number_of_workers,
    refuse_second,
    report,
)
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack import airflow_environment, summary
from spotify_stack.demo import Demo, clock_at_start, partitions
from spotify_stack.paths import StackPaths
from spotify_stack.processes import PeakMemory, memory_used
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import SandboxOptions

OUTPUT = PROJECT_ROOT / "build" / "demo"


def _date(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a date of the form YYYY-MM-DD") from None


def counted(dates: list[date]) -> str:
    """Return a text with the number of partitions and their first and last date."""
    if len(dates) == 1:
        return f"1 partition, {dates[0]}"
    return f"{len(dates)} partitions, {dates[0]} to {dates[-1]}"


def demo(
    *,
    first: Annotated[
        str | None, typer.Option("--from", help="First date; default: the last date is today.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Number of days.")] = 3,
    catalog: CatalogOption = None,
    store: StoreOption = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    mode: Annotated[
        str, typer.Option(callback=check_mode, help="Class of app: development or extended.")
    ] = "development",
    output: Annotated[
        Path, typer.Option(file_okay=False, help="Folder of summary.json and the reports.")
    ] = OUTPUT,
) -> None:
    """Run some days through the whole pipeline and show the results. The stack keeps running."""
    dates = partitions(_date(first) if first else None, days)
    number = number_of_workers(executor, workers)
    started = time.monotonic()
    airflow_environment.isolate()
    paths = StackPaths.default()
    refuse_second(paths, StackPaths.own())
    stack = Stack(paths, report)
    running_before = stack.state()
    options = SandboxOptions(mode, str(catalog.resolve()) if catalog else None, clock_at_start(dates[0]))
    progress_console.print("Starting the stack" if running_before is None else "The stack is running")
    state = stack.up(Wanted(options, own_app="", store=store, workers=number))
    progress_console.print(f"Running {counted(dates)}: {state.airflow_url}", soft_wrap=True)
    try:
        with PeakMemory(lambda: memory_used(paths)) as memory:
            content = Demo(state, progress_console, output, progress_bar).run(dates)
    except KeyboardInterrupt:
        if running_before is None:
            typer.echo("interrupted: stopping the stack", err=True)
            stack.down()
        raise
    summary.show(content, console)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    console.print(
        f"  took {minutes} min {seconds} s; the stack used up to {memory.peak / 1e9:.1f} GB of memory"
    )
    console.print(addresses(state), soft_wrap=True, markup=False)
    for label, name in {"Report": "report.html", "Summary": "summary.json"}.items():
        console.print(f"  {label:<10} {output / name}", soft_wrap=True, markup=False)
    progress_console.print("The stack is running: [bold]make down[/] stops it.")
