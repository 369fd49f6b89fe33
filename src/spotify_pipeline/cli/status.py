"""`spotify-pipeline status`: the services of the embedded stack and the newest partitions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.output import Json, console, print_json
from spotify_pipeline.connections import WAREHOUSE_READER, ConnectionInfo
from spotify_pipeline.contract.counts import COUNTS
from spotify_pipeline.errors import ConnectionMissing, PipelineError
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.dbt_results import failed_nodes
from spotify_pipeline.warehouse.reconciliation import Progress, newest_partitions

HEADINGS = {"quarantined": "quar.", "duplicates": "dupl.", "set_aside": "aside"}
# incomplete sources shown for one partition; the others are counted
SHOWN_SOURCES = 3


def status(as_json: Json = False) -> None:
    """Show the services of the embedded stack and the newest partitions.

    Without a stack, connection warehouse_reader names the warehouse to read. The exit status is 0 if all
    services are healthy, the counts of the newest partition add up, and no model or data test failed in the
    newest run of spotify_transform.
    """
    stack = _stack(show=not as_json)
    reader = _warehouse_reader()
    problem = ""
    try:
        partitions, failed = _read(reader) if reader else ([], [])
    except PipelineError as error:
        if not as_json:
            raise
        # the services below say which of them is down
        partitions, failed, problem = [], [], str(error)
    healthy = stack is None or not any(service["problem"] for service in stack["services"])
    if reader is None:
        good = stack is not None and healthy
    else:
        good = healthy and not failed and not problem and all(progress.adds_up for progress in partitions[:1])
    if as_json:
        print_json(
            {
                "ok": good,
                "stack": stack,
                "partitions": [_fields(each) for each in partitions],
                "failed": failed,
                "problem": problem,
            }
        )
    elif reader is not None:
        _show_partitions(partitions, failed)
    if not good:
        raise typer.Exit(1)


def _stack(*, show: bool) -> dict[str, Any] | None:
    """Return services, addresses and report of the running stack, and print them; None without a stack."""
    try:
        # a deployment has this command without the packages of the embedded stack
        from spotify_pipeline.cli import stack  # noqa: PLC0415
        from spotify_stack.airflow_environment import isolate  # noqa: PLC0415
        from spotify_stack.stack import running_state  # noqa: PLC0415
    except ModuleNotFoundError:
        if show:
            console.print("The embedded stack is not installed here.")
        return None
    state = running_state()
    if state is None:
        if show:
            console.print("The stack is not running: 'make up' starts it.")
        return None
    isolate()
    health = stack.service_health(state)
    report = newest_report(state.paths.reports)
    if show:
        console.print(stack.service_table(health))
        console.print(stack.addresses(state), soft_wrap=True, markup=False)
        console.print(f"  Report     {report or 'none yet'}", soft_wrap=True, markup=False)
    return {
        "services": [asdict(each) for each in health],
        "airflow": state.airflow_url,
        "sandbox": None if state.own_app else state.sandbox_url,
        "folder": str(state.paths.root),
        "report": str(report) if report else None,
    }


def _warehouse_reader() -> ConnectionInfo | None:
    try:
        return environment_or_stack(WAREHOUSE_READER)
    except ConnectionMissing:
        return None


def _read(reader: ConnectionInfo) -> tuple[list[Progress], list[str]]:
    """Return the newest partitions, and the nodes that failed in the newest transform."""
    with connect(reader, autocommit=True) as connection:
        return newest_partitions(connection), failed_nodes(connection)


def _show_partitions(found: list[Progress], failed: list[str]) -> None:
    for line in failed_lines(failed):
        console.print(line, soft_wrap=True, markup=False)
    if not found:
        console.print("No partition was loaded yet.")
        return
    console.print(progress_table(found))
    for line in incomplete_lines(found):
        console.print(line, soft_wrap=True, markup=False)


def _fields(progress: Progress) -> dict[str, Any]:
    unfinished = {
        source: {"status": status, "reason": reason}
        for source, (status, reason) in progress.unfinished.items()
    }
    return asdict(progress) | {"unfinished": unfinished}


def progress_table(found: list[Progress]) -> Table:
    """Return a table with one row per partition."""
    # narrow enough for a terminal of 80 columns
    table = Table(padding=(0, 1, 0, 0), box=None)
    table.add_column("partition", no_wrap=True)
    table.add_column("sources", justify="right", no_wrap=True)
    for name in COUNTS:
        table.add_column(HEADINGS.get(name, name), justify="right", no_wrap=True)
    table.add_column("adds up")
    table.add_column("published, tests", no_wrap=True)
    for progress in found:
        at = progress.published_at
        table.add_row(
            str(progress.partition),
            _complete_sources(progress),
            *(f"{getattr(progress, name):,}" for name in COUNTS),
            "yes" if progress.adds_up else "[red]no[/]",
            f"{at.astimezone(UTC):%m-%d %H:%M}, {progress.tests_passed}" if at else "not yet",
        )
    return table


def incomplete_lines(found: list[Progress]) -> list[str]:
    """Return a line for each incomplete source, with its reason."""
    lines = []
    for progress in found:
        sources = list(progress.unfinished.items())
        lines += [
            f"{progress.partition} {source}: {status}: {message}"
            for source, (status, message) in sources[:SHOWN_SOURCES]
        ]
        if len(sources) > SHOWN_SOURCES:
            lines.append(
                f"{progress.partition}: {len(sources) - SHOWN_SOURCES} more sources are not complete"
            )
    return lines


def failed_lines(failed: list[str]) -> list[str]:
    """Return a line for each failed model or data test of the newest transform."""
    lines = [f"spotify_transform failed: {unique_id}" for unique_id in failed[:SHOWN_SOURCES]]
    if len(failed) > SHOWN_SOURCES:
        lines.append(f"spotify_transform failed: {len(failed) - SHOWN_SOURCES} more models and data tests")
    return lines


def newest_report(folder: Path) -> Path | None:
    """Return the newest report in a folder, by the date in its name."""
    return max(folder.glob("report-*.html"), default=None)


def _complete_sources(progress: Progress) -> str:
    if not progress.unfinished:
        return str(progress.complete)
    colour = "red" if progress.number("failed") else "yellow"
    return f"[{colour}]{progress.complete} of {progress.complete + len(progress.unfinished)}[/]"
