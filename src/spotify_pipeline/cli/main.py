"""The command `spotify-pipeline`. The code behind a command is imported only when that command is called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from spotify_pipeline import __version__
from spotify_pipeline.cli.errors import report_error, report_errors
from spotify_pipeline.cli.output import set_verbosity

EXIT_CODES = (
    "Exit status: 0 success; 1 an error, or the command found a problem; 2 wrong arguments; 130 interrupted."
)
# set by the shell when it asks for completions
COMPLETION_VARIABLE = "_SPOTIFY_PIPELINE_COMPLETE"
# command -> (module, attribute: a function or a typer app, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("spotify_pipeline.cli.demo", "demo", "Run some days through the whole pipeline."),
    "up": ("spotify_pipeline.cli.stack", "up", "Start the embedded stack, or print its addresses."),
    "down": ("spotify_pipeline.cli.stack", "down", "Stop the embedded stack. Its data stays."),
    "reset": ("spotify_pipeline.cli.stack", "reset", "Stop the embedded stack and delete its data."),
    "status": (
        "spotify_pipeline.cli.status",
        "status",
        "Show the services of the stack and the newest partitions.",
    ),
    "psql": ("spotify_pipeline.cli.psql", "psql", "Open psql on the warehouse, as the read-only role."),
    "report": ("spotify_pipeline.cli.report", "report", "Save the page of a day or of a week as a file."),
    "dbt": ("spotify_pipeline.cli.dbt", "dbt", "Run dbt against the running stack's warehouse."),
    "doctor": ("spotify_pipeline.cli.doctor", "doctor", "Find problems that would prevent a run."),
    "alerts": ("spotify_pipeline.cli.alerts", "alerts", "Show the alerts that were sent."),
    "sandbox": ("spotify_sandbox.cli", "serve", "Serve a stand-in for the Spotify Web API."),
    "validate": (
        "spotify_pipeline.cli.validate",
        "validate",
        "Check files with Web API responses against the contract.",
    ),
    "contract": (
        "spotify_pipeline.cli.contract",
        "app",
        "Show the rules of the contract and drift of the API.",
    ),
    "quarantine": (
        "spotify_pipeline.cli.quarantine",
        "app",
        "List, show and replay records that broke the contract.",
    ),
    "auth": ("spotify_pipeline.cli.auth", "app", "Log a Spotify user in, and show the login."),
    "sources": ("spotify_pipeline.cli.sources", "app", "Check sources.yml."),
    "lake": ("spotify_pipeline.cli.lake", "app", "Create the bucket of the object store, and count objects."),
    "replay": (
        "spotify_pipeline.cli.replay",
        "replay",
        "Load stored responses again, without a call to Spotify.",
    ),
    "maintenance": (
        "spotify_pipeline.cli.maintenance",
        "maintenance",
        "Delete data that is older than its retention.",
    ),
    "erase-user": ("spotify_pipeline.cli.maintenance", "erase", "Remove all data of a user."),
    "backup": ("spotify_pipeline.cli.backup", "backup", "Save the warehouse in a folder."),
    "restore": ("spotify_pipeline.cli.backup", "restore", "Restore a backup into an empty warehouse."),
    "warehouse": (
        "spotify_pipeline.cli.warehouse",
        "app",
        "Create roles and run migrations of the warehouse.",
    ),
}


class ReportingGroup(TyperGroup):
    """A group of commands whose expected errors are reported as one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was called."""
        with report_errors():
            return super().invoke(ctx)


def build(arguments: Sequence[str]) -> typer.Typer:
    """Build the command line; only the module of the command that is called is imported.

    Args:
        arguments: Arguments of the command line, without the program name.
    """
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    # the sandbox is a server, which handles its own signals
    group = TyperGroup if called == "sandbox" else ReportingGroup
    root = typer.Typer(cls=group, no_args_is_help=True, pretty_exceptions_show_locals=False)
    root.callback(help="Operate the Spotify pipeline.", epilog=EXIT_CODES)(_options)
    for name, (module, attribute, line) in COMMANDS.items():
        target = _load(name, module, attribute) if name == called else _nothing
        if isinstance(target, typer.Typer):
            root.add_typer(target, name=name, help=line)
        else:
            # the command's own docstring says more, once it is loaded
            root.command(name, help=line if name != called else None)(target)
    return root


def app() -> None:
    """Run the command line, with any error of a file or an interrupt reported as one line."""
    try:
        build(completed_words(os.environ) or sys.argv[1:])()
    except (OSError, KeyboardInterrupt) as error:
        status = report_error(error)
        if status is None:
            raise
        sys.exit(status)


def completed_words(environ: Mapping[str, str]) -> list[str]:
    """Return the words that a shell wants to complete, without the program; none in an ordinary call."""
    if COMPLETION_VARIABLE not in environ:
        return []
    # bash and fish, zsh and PowerShell
    return (environ.get("COMP_WORDS") or environ.get("_TYPER_COMPLETE_ARGS") or "").split()[1:]


def _nothing() -> None:
    pass


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spotify-pipeline {__version__}")
        raise typer.Exit


def _options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print log lines of the pipeline, on stderr.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose cannot be used together")
    set_verbosity(quiet=quiet, verbose=verbose)


def _load(name: str, module: str, attribute: str) -> typer.Typer | Callable[..., Any]:
    try:
        target: typer.Typer | Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        typer.echo(f"'{name}' needs package '{error.name}': install the project with its extras", err=True)
        raise SystemExit(1) from None
    return target
