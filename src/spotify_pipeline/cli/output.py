"""How commands print: results, progress, JSON, log lines."""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
console = Console(highlight=False)
"""Prints results."""
progress_console = Console(highlight=False)
"""Prints progress, which `--quiet` switches off."""


def set_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Choose what is printed apart from results and errors.

    Args:
        quiet: No progress.
        verbose: Log lines of the pipeline on stderr, with their times.
    """
    progress_console.quiet = quiet
    if verbose:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.NOTSET
    for package in ("spotify_pipeline", "spotify_stack"):
        logging.getLogger(package).setLevel(level)


def progress_bar(unit: str, where: Console | None = None) -> Progress:
    """Return the progress bar of all commands: what, bar, done of all, unit, time.

    Args:
        unit: What is counted.
        where: Console of the bar; by default that of progress. Only a terminal shows it.
    """
    target = where or progress_console
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        console=target,
        transient=True,
        disable=not target.is_terminal or target.quiet,
    )


def print_json(value: Any) -> None:
    """Print a value as JSON that any terminal shows: letters as letters, control characters escaped."""
    typer.echo(to_json(value, encoding=sys.stdout.encoding))


def to_json(value: Any, *, encoding: str | None = "utf-8") -> str:
    """Return a value as JSON; dates and what else JSON cannot represent become text.

    Args:
        value: What is printed.
        encoding: Encoding of the terminal. If it lacks a letter, all letters outside ASCII are escaped. Lone
            surrogates and control characters are always escaped.
    """
    text = json.dumps(value, indent=2, default=str, ensure_ascii=False)
    text = "".join(
        letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text
    )
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return json.dumps(value, indent=2, default=str)
    return text
