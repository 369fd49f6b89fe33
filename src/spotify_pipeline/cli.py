"""The command `spotify-pipeline`. The code behind a command is imported only when that command is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

# command -> (module, attribute: a function or a typer app, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("spotify_pipeline.local.demo_command", "demo", "Run some days through the whole pipeline."),
    "up": ("spotify_pipeline.local.commands", "up", "Start the embedded stack, or print its addresses."),
    "down": ("spotify_pipeline.local.commands", "down", "Stop the embedded stack; what it holds stays."),
    "status": ("spotify_pipeline.local.commands", "status", "Tell how each service of the stack is."),
    "dbt": ("spotify_pipeline.local.dbt_command", "dbt", "Run dbt against the running stack's warehouse."),
    "doctor": ("spotify_pipeline.doctor.command", "doctor", "Tell what would keep it from running."),
    "alerts": ("spotify_pipeline.alerts.cli", "alerts", "Show what operators were told."),
    "sandbox": ("spotify_sandbox.cli", "serve", "Serve a stand-in for the Spotify Web API."),
    "validate": (
        "spotify_pipeline.contract.validate_command",
        "validate",
        "Hold files with answers of the Web API against the contract.",
    ),
    "contract": ("spotify_pipeline.contract.cli", "app", "The contract's rules, and how Spotify drifts."),
    "quarantine": ("spotify_pipeline.quarantine.cli", "app", "Records that broke the contract."),
    "auth": ("spotify_pipeline.spotify.cli", "app", "Log a Spotify user in, and see how long that lasts."),
    "sources": ("spotify_pipeline.sources.cli", "app", "What is fetched: check sources.yml."),
    "lake": ("spotify_pipeline.lake.cli", "app", "The object store: make the bucket, count objects."),
    "replay": ("spotify_pipeline.steps.replay_command", "replay", "Load stored raw again, without Spotify."),
    "maintenance": ("spotify_pipeline.maintenance.command", "maintenance", "Remove what is past its age."),
    "erase-user": ("spotify_pipeline.maintenance.command", "erase", "Remove all of a user, everywhere."),
    "warehouse": ("spotify_pipeline.warehouse.cli", "app", "Roles and migrations of the warehouse."),
}


def build(arguments: Sequence[str]) -> typer.Typer:
    """The command line for these arguments: the command that they call, and the names of the others."""
    root = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)
    root.callback(help="Operate the Spotify pipeline.")(_nothing)
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, (module, attribute, line) in COMMANDS.items():
        target = _load(name, module, attribute) if name == called else _nothing
        if isinstance(target, typer.Typer):
            root.add_typer(target, name=name, help=line)
        else:
            # the command's own docstring says more, once it is loaded
            root.command(name, help=line if target is _nothing else None)(target)
    return root


def app() -> None:
    """Entry point of the console script."""
    build(sys.argv[1:])()


def _nothing() -> None:
    pass


def _load(name: str, module: str, attribute: str) -> typer.Typer | Callable[..., Any]:
    try:
        target: typer.Typer | Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        typer.echo(f"'{name}' needs package '{error.name}': install the project with its extras", err=True)
        raise SystemExit(1) from None
    return target
