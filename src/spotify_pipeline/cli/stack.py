"""Command line of the embedded stack: up, down, status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from spotify_pipeline.cli import partition_status
from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.connections import SPOTIFY_API, SPOTIFY_USER, ConnectionInfo, variable_name
from spotify_pipeline.errors import PipelineError
from spotify_stack import airflow_environment, services
from spotify_stack.health import NotReady
from spotify_stack.s3_server import BUCKET
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import SandboxOptions, StackPaths, StackState
from spotify_stack.supervision import Supervisor

INTERRUPTED = 130
console = Console(highlight=False)
complaints = Console(stderr=True, highlight=False)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def orderly_exit() -> Iterator[None]:
    """Our own errors become one sentence and status 1; SIGTERM or a closed terminal an interrupt."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        yield
    except PipelineError as error:
        complaints.print(f"[red]error:[/] {error}", soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        complaints.print("interrupted")
        raise typer.Exit(INTERRUPTED) from None


def report(line: str) -> None:
    """Print one line of progress."""
    console.print(f"  {line}", soft_wrap=True)


def up(
    mode: Annotated[str | None, typer.Option(help="class of app: development or extended")] = None,
    catalog: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="folder the sandbox serves")
    ] = None,
    sources: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="sources.yml to use")
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="object store: seaweedfs or minio; default: as it was, else the first")
    ] = None,
) -> None:
    """Start the embedded stack, or print its addresses when it runs."""
    with orderly_exit():
        stack = Stack(StackPaths.default(), report)
        console.print("Starting the stack" if stack.state() is None else "The stack is running")
        options = None
        if mode or catalog:
            options = SandboxOptions(mode or "development", str(catalog.resolve()) if catalog else None)
        own_app = os.environ.get(variable_name(SPOTIFY_API)) or ("" if options else None)
        own_user = os.environ.get(variable_name(SPOTIFY_USER), "") if own_app else None
        state = stack.up(Wanted(options, own_app, own_user, sources, store))
        console.print(addresses(state), soft_wrap=True)
        console.print("[bold]make down[/] stops it.")


def down() -> None:
    """Stop the embedded stack; what it holds stays."""
    with orderly_exit():
        ended = Stack(StackPaths.default(), report).down()
        console.print("The stack is stopped." + (f" {ended} stray processes were ended." if ended else ""))


def status() -> None:
    """Tell how the stack's services are and how the newest partitions came out.

    Connection warehouse_reader may name another warehouse; then no stack need run here. Exit status 1 unless
    all services are well and what the newest partition holds adds up.
    """
    with orderly_exit():
        state = Stack(StackPaths.default()).state()
        reader = partition_status.reader_of(environment_or_stack)
        well = True
        if state is None:
            console.print("The stack is not running: 'make up' starts it.")
            well = reader is not None
        else:
            table, well = _status_table(state)
            console.print(table)
            console.print(addresses(state), soft_wrap=True)
        if reader is not None:
            well &= _print_partitions(reader)
        sys.exit(0 if well else 1)


def _print_partitions(reader: ConnectionInfo) -> bool:
    found = partition_status.read_progress(reader)
    if not found:
        console.print("No partition was loaded yet.")
        return True
    console.print(partition_status.progress_table(found))
    for line in partition_status.unfinished_lines(found):
        console.print(line, soft_wrap=True, markup=False)
    return found[0].adds_up


def addresses(state: StackState) -> str:
    """Where to look, and with which login; one line each."""
    served = state.sandbox.catalog or "seeded catalogue"
    spotify = (
        "your own app"
        if state.own_app
        else f"{state.sandbox_url}  sandbox, {state.sandbox.mode} app, {served}"
    )
    lines = {
        "Airflow": f"{state.airflow_url}  no login needed",
        "dbt docs": f"{airflow_environment.dbt_docs_url(state)}  after a first run",
        "Warehouse": f"postgresql://spotify_reader@127.0.0.1:{state.ports['warehouse']}/warehouse",
        "Objects": f"http://127.0.0.1:{state.ports['s3-s3']}  bucket {BUCKET}, {state.store}",
        "Spotify": spotify,
        "Passwords": str(state.paths.secrets),
        "Alerts": f"{state.paths.alerts}  {'there are some' if state.paths.alerts.exists() else 'none yet'}",
        "Logs": str(state.paths.logs),
    }
    return "\n".join(f"  {name:<10} {text}" for name, text in lines.items())


def _status_table(state: StackState) -> tuple[Table, bool]:
    supervisor = Supervisor(state)
    table = Table("service", "state", "pid", "health")
    well = True
    for name, service in services.all_services(state).items():
        statename, pid = supervisor.status(name)
        try:
            service.check()
            health = "[green]healthy[/]"
        except NotReady as error:
            health, well = f"[red]{error}[/]", False
        table.add_row(name, statename, str(pid or ""), health)
    return table, well
