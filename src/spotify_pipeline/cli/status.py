"""`spotify-pipeline status`: the services of the embedded stack and the newest partitions."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.errors import report_errors
from spotify_pipeline.connections import WAREHOUSE_READER, ConnectionInfo
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.dbt_results import failed_nodes
from spotify_pipeline.warehouse.reconciliation import Progress, newest_partitions

HEADINGS = {"quarantined": "quar.", "duplicates": "dupl.", "set_aside": "aside"}
# incomplete sources shown for one partition; the others are counted
SHOWN_SOURCES = 3
console = Console(highlight=False)


def status() -> None:
    """Show the services of the embedded stack and the newest partitions.

    Without a stack, connection warehouse_reader names the warehouse to read. The exit status is 0 if all
    services are healthy, the counts of the newest partition add up, and no model or data test failed in the
    newest run of spotify_transform.
    """
    with report_errors():
        healthy = _show_stack()
        reader = _warehouse_reader()
        adds_up = healthy is not None if reader is None else _show_partitions(reader)
    if healthy is False or not adds_up:
        raise typer.Exit(1)


def _show_stack() -> bool | None:
    """Print the services of the stack; return whether all are healthy, or None if no stack runs."""
    try:
        # a deployment has this command without the packages of the embedded stack
        from spotify_pipeline.cli.stack import addresses, service_table  # noqa: PLC0415
        from spotify_stack.stack import running_state  # noqa: PLC0415
    except ModuleNotFoundError:
        console.print("The embedded stack is not installed here.")
        return None
    state = running_state()
    if state is None:
        console.print("The stack is not running: 'make up' starts it.")
        return None
    table, healthy = service_table(state)
    console.print(table)
    console.print(addresses(state), soft_wrap=True)
    console.print(f"  Report     {newest_report(state.paths.reports) or 'none yet'}", soft_wrap=True)
    return healthy


def _warehouse_reader() -> ConnectionInfo | None:
    try:
        return environment_or_stack(WAREHOUSE_READER)
    except ConnectionMissing:
        return None


def _show_partitions(reader: ConnectionInfo) -> bool:
    """Print the newest partitions; return whether the newest one adds up and its transform did not fail."""
    with naming_the_server(reader), connect(reader, autocommit=True) as connection:
        found = newest_partitions(connection)
        failed = failed_nodes(connection)
    for line in failed_lines(failed):
        console.print(line, soft_wrap=True, markup=False)
    if not found:
        console.print("No partition was loaded yet.")
        return not failed
    console.print(progress_table(found))
    for line in incomplete_lines(found):
        console.print(line, soft_wrap=True, markup=False)
    return found[0].adds_up and not failed


def progress_table(found: list[Progress]) -> Table:
    """Return a table with one row per partition."""
    counts = ("fetched", "loaded", "quarantined", "duplicates", "set_aside")
    # narrow enough for a terminal of 80 columns
    table = Table(padding=(0, 1, 0, 0), box=None)
    table.add_column("partition", no_wrap=True)
    table.add_column("sources", justify="right", no_wrap=True)
    for name in counts:
        table.add_column(HEADINGS.get(name, name), justify="right", no_wrap=True)
    table.add_column("adds up")
    table.add_column("published, tests", no_wrap=True)
    for progress in found:
        at = progress.published_at
        table.add_row(
            str(progress.partition),
            _complete_sources(progress),
            *(f"{getattr(progress, name):,}" for name in counts),
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
    """Return the newest report in a folder; its name holds its date."""
    return max(folder.glob("report-*.html"), default=None)


def _complete_sources(progress: Progress) -> str:
    if not progress.unfinished:
        return str(progress.complete)
    colour = "red" if progress.number("failed") else "yellow"
    return f"[{colour}]{progress.complete} of {progress.complete + len(progress.unfinished)}[/]"
