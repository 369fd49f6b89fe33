"""How every command reports our own errors: one sentence, status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from spotify_pipeline.errors import PipelineError


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn an error that was raised on purpose into its sentence on stderr and exit status 1."""
    try:
        yield
    except PipelineError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
