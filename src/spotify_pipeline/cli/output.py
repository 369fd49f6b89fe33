"""Prints results, progress, JSON and log lines of all commands."""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
NARROWEST = 40
"""Columns below which lines would be cut into single words or letters."""


def _console() -> Console:
    return Console(highlight=False, width=NARROWEST if Console().width < NARROWEST else None)


console = _console()
"""Prints results."""
progress_console = _console()
"""Prints progress, which `--quiet` switches off."""


def wide_console() -> Console:
    """Return a console that prints one record per line in a file or a pipe."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 240)


def set_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Set whether progress and log lines are printed.

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
    """Return a progress bar: description, bar, done of all, unit, time.

    Args:
        unit: Name of the counted things.
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
    """Print a value as JSON that is safe for any terminal; see `to_json`."""
    typer.echo(to_json(value, encoding=sys.stdout.encoding))


def to_json(value: Any, *, encoding: str | None = "utf-8") -> str:
    """Return a value as JSON; dates and other values that JSON does not have become text.

    Args:
        value: The value.
        encoding: Encoding of the terminal. If it lacks a character, all characters outside ASCII are escaped.
            Lone surrogates and control characters are always escaped.
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
