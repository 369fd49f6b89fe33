"""How every command reports an expected error: one sentence on stderr and exit status 1."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from spotify_pipeline.errors import PipelineError

INTERRUPTED = 130
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def report_errors() -> Iterator[None]:
    """Report a PipelineError or an interrupt as one line on stderr, and exit.

    SIGTERM and SIGHUP (a closed terminal) count as interrupts, so that cleanup code runs.

    Raises:
        typer.Exit: with status 1 after a PipelineError or on a full disk, 130 after an interrupt.
    """
    try:
        with _signals_as_interrupts():
            yield
    except PipelineError as error:
        typer.echo(f"{typer.style('error:', fg='red')} {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        if error.errno not in FULL:
            raise
        place = f" while writing {error.filename}" if error.filename else ""
        typer.echo(f"{typer.style('error:', fg='red')} the disk is full{place}: free some space", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None


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
