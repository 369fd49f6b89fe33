"""`spotify-pipeline up` and `down`: start and stop the embedded stack."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from spotify_pipeline.cli.output import console, progress_console
from spotify_pipeline.connections import SPOTIFY_ACCOUNT_KEY, SPOTIFY_API, SPOTIFY_USER, variable_name
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake.keys import docs_key
from spotify_stack import airflow_environment, celery_workers, services
from spotify_stack.health import NotReady
from spotify_stack.object_store import BUCKET
from spotify_stack.paths import StackPaths
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import APP_CLASSES, STORES, SandboxOptions, StackState
from spotify_stack.supervision import Supervisor


def _one_of(*choices: str) -> Callable[[str | None], str | None]:
    """Return a check of an option, made before anything is started."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in choices:
            raise typer.BadParameter(f"'{value}' is unknown: choose {' or '.join(choices)}")
        return value

    return check


def _catalogue(folder: Path | None) -> Path | None:
    if folder is not None and not any(folder.glob("????-??-??/artists.jsonl")):
        raise typer.BadParameter(f"'{folder}' has no folder named YYYY-MM-DD with artists.jsonl")
    return folder


check_mode = _one_of(*APP_CLASSES)
CatalogOption = Annotated[
    Path | None,
    typer.Option(
        "--catalog",
        exists=True,
        file_okay=False,
        callback=_catalogue,
        help="Catalogue folder that the sandbox serves.",
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        callback=_one_of(*STORES),
        help="Object store: seaweedfs or minio; default: the previous one, else seaweedfs.",
    ),
]

DEFAULT_WORKERS = 2


class Executor(StrEnum):
    """What runs the tasks of the embedded stack."""

    LOCAL = "local"
    CELERY = "celery"


ExecutorOption = Annotated[
    Executor | None,
    typer.Option("--executor", help="What runs the tasks; default: as before, else the LocalExecutor."),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, max=16, help="Number of Celery workers; default: 2.")
]


def report(line: str) -> None:
    """Print one line of progress."""
    progress_console.print(f"  {line}", soft_wrap=True, markup=False)


def up(
    *,
    mode: Annotated[
        str | None, typer.Option(callback=check_mode, help="Class of app: development or extended.")
    ] = None,
    catalog: CatalogOption = None,
    sources: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="List of sources to use.")
    ] = None,
    store: StoreOption = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
) -> None:
    """Start the embedded stack, or print its addresses if it is running.

    With connection spotify_api in the environment, it uses your own app and the folder build/own.
    """
    number = number_of_workers(executor, workers)
    airflow_environment.isolate()
    options = None
    if mode or catalog:
        options = SandboxOptions(mode or "development", str(catalog.resolve()) if catalog else None)
    own_app = os.environ.get(variable_name(SPOTIFY_API)) or ("" if options else None)
    stack = Stack(folder_of(own_app), report)
    progress_console.print("Starting the stack" if stack.state() is None else "The stack is running")
    own_user = os.environ.get(variable_name(SPOTIFY_USER), "") if own_app else None
    own_key = os.environ.get(variable_name(SPOTIFY_ACCOUNT_KEY)) if own_app else None
    state = stack.up(Wanted(options, own_app, own_user, own_key, sources, store, number))
    console.print(addresses(state), soft_wrap=True, markup=False)
    progress_console.print("[bold]make down[/] stops it.")


def down() -> None:
    """Stop the embedded stack. Its data stays."""
    airflow_environment.isolate()
    folders = {StackPaths.default(), StackPaths.own()}
    ended = sum(Stack(paths, report).down() for paths in folders if paths.root.exists())
    console.print("The stack is stopped." + (f" {ended} stray processes were ended." if ended else ""))


def reset(
    own: Annotated[bool, typer.Option("--own", help="The stack of your own app, not of the demo.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop the embedded stack and delete all its data, so that the next start begins from nothing."""
    paths = StackPaths.own() if own else StackPaths.default()
    if not paths.state.exists():
        console.print(f"There is no stack in {paths.root}.", soft_wrap=True)
        return
    if not yes:
        typer.confirm(f"Delete {paths.root} with all its data?", abort=True)
    Stack(paths, report).reset()
    console.print(f"{paths.root} is deleted.", soft_wrap=True)


def number_of_workers(executor: Executor | None, workers: int | None) -> int | None:
    """Return the number of Celery workers; 0 without Celery, None as before."""
    if executor is Executor.CELERY:
        return workers or DEFAULT_WORKERS
    if workers is not None:
        raise typer.BadParameter("--workers needs --executor celery")
    return None if executor is None else 0


def folder_of(own_app: str | None) -> StackPaths:
    """Return the folder of the stack to start, and check that no other stack of this project runs.

    Raises:
        ConfigurationError: the stack of the demo runs, or that of the user's own app.
    """
    demo, own = StackPaths.default(), StackPaths.own()
    if own_app is None:  # the one that was started last
        known = [paths for paths in (demo, own) if paths.exists()]
        chosen = max(known, key=lambda paths: paths.state.stat().st_mtime, default=demo)
    else:
        chosen = own if own_app else demo
    other = demo if chosen == own else own
    refuse_second(chosen, other)
    return chosen


def refuse_second(chosen: StackPaths, other: StackPaths) -> None:
    """Refuse to run the stack of the demo and that of the user's own app at the same time.

    Raises:
        ConfigurationError: the other one runs.
    """
    if chosen != other and Stack(other).state() is not None:
        raise ConfigurationError(f"a stack runs in {other.root}: stop it first with 'make down'")


def addresses(state: StackState) -> str:
    """Return the addresses of the parts of the stack, one per line."""
    served = state.sandbox.catalog or "seeded catalogue"
    spotify = (
        "your own app"
        if state.own_app
        else f"{state.sandbox_url}  sandbox, {state.sandbox.mode} app, {served}"
    )
    alerts = f"{state.paths.alerts}  {'there are some' if state.paths.alerts.exists() else 'none yet'}"
    docs = f"{airflow_environment.dbt_docs_url(state)}  after a first run"
    if state.workers:  # they write no folder of the stack
        alerts, docs = "table ops.alert", f"in the object store, {docs_key()}"
    lines = {
        "Airflow": f"{state.airflow_url}  no login needed, {celery_workers.described(state)}",
        "dbt docs": docs,
        "Warehouse": f"postgresql://spotify_reader@127.0.0.1:{state.ports['warehouse']}/warehouse"
        "  make psql opens it",
        "Objects": f"http://127.0.0.1:{state.ports['s3-s3']}  bucket {BUCKET}, {state.store}",
        "Spotify": spotify,
        "Passwords": str(state.paths.secrets),
        "Alerts": alerts,
        "Logs": str(state.paths.logs),
        "Commands": f"{Path(sys.executable).parent / 'spotify-pipeline'} --help",
    }
    return "\n".join(f"  {name:<10} {text}" for name, text in lines.items())


@dataclass(frozen=True)
class ServiceHealth:
    """State of one service.

    Attributes:
        service: Name.
        state: State of its process, as supervisor names it.
        pid: Process id; 0 without a process.
        problem: Reason why it is not healthy; "" if it is.
    """

    service: str
    state: str
    pid: int
    problem: str = ""


def service_health(state: StackState) -> list[ServiceHealth]:
    """Check each service of the stack."""
    supervisor = Supervisor(state)
    found = []
    for name, service in services.all_services(state).items():
        statename, pid = supervisor.status(name)
        problem = ""
        try:
            service.check()
        except NotReady as error:
            problem = str(error)
        found.append(ServiceHealth(name, statename, pid, problem))
    return found


def service_table(found: Iterable[ServiceHealth]) -> Table:
    """Return a table of the services."""
    table = Table("service", "state", "pid", "health")
    for each in found:
        health = Text(each.problem, style="red") if each.problem else Text("healthy", style="green")
        table.add_row(each.service, each.state, str(each.pid or ""), health)
    return table
