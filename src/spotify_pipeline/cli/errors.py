"""Reports the expected errors of all commands: one sentence on stderr, and exit status 1."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import typer

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.files import FULL

INTERRUPTED = 130
# errors of a file or folder that the user named, or of the project's folder
UNUSABLE = frozenset(
    {errno.EACCES, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS}
)
# errors of psycopg, which most commands do without
OTHER_SCHEMA = frozenset({"UndefinedTable", "UndefinedColumn", "InvalidSchemaName"})


@contextmanager
def report_errors() -> Iterator[None]:
    """Report a PipelineError or an interrupt as one line on stderr, and exit.

    SIGTERM and SIGHUP (a closed terminal) count as interrupts, so that cleanup code runs.

    Raises:
        typer.Exit: with status 1 after a PipelineError, a full disk, or a file or folder that cannot be used;
            130 after an interrupt.
    """
    try:
        with _signals_as_interrupts():
            yield
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        status = report_error(error)
        if status is None:
            raise
        raise typer.Exit(status) from None


def report_error(error: BaseException) -> int | None:
    """Report an error as one line on stderr, and return the exit status; None for an error of the code."""
    if isinstance(error, KeyboardInterrupt):
        typer.echo("interrupted", err=True)
        return INTERRUPTED
    problem = _problem(error)
    if problem is None:
        return None
    typer.echo(f"{typer.style('error:', fg='red')} {problem}", err=True)
    if isinstance(error, OSError) and not error.filename:
        # stdout failed: without this, Python would flush and report it again at exit
        with suppress(OSError):
            sys.stdout.close()
    return 1


def _problem(error: BaseException) -> str | None:
    if isinstance(error, PipelineError):
        return str(error)
    if type(error).__name__ in OTHER_SCHEMA:
        first = (str(error).splitlines() or [""])[0]
        return (
            f"the warehouse does not have the tables of this release ({first}): run "
            "`spotify-pipeline warehouse migrate`"
        )
    if isinstance(error, OSError) and error.errno in FULL:
        place = f" while writing {error.filename}" if error.filename else ""
        return f"the disk is full{place}: free some space"
    if isinstance(error, OSError) and error.errno in UNUSABLE and error.filename:
        return f"{error.filename} cannot be used: {error.strerror}"
    return None


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
