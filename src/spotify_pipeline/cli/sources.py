"""`spotify-pipeline sources`: check sources.yml without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.cli.output import Json, print_json
from spotify_pipeline.errors import SourcesFileError
from spotify_pipeline.settings import Settings
from spotify_pipeline.sources.grouping import group_sources
from spotify_pipeline.sources.loader import load_sources
from spotify_pipeline.sources.readable import warnings
from spotify_pipeline.spotify.endpoints import AppClass

app = typer.Typer(no_args_is_help=True, help="Check sources.yml.")


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="File to check. Default: the setting SPOTIFY_PIPELINE_SOURCES.")
    ] = None,
    app_class: Annotated[AppClass, typer.Option(help="Class of the Spotify app.")] = AppClass.DEVELOPMENT,
    as_json: Json = False,
) -> None:
    """Check the file; show its sources, their estimated calls a day, and the groups that a run makes."""
    settings = Settings.load()
    try:
        sources = load_sources(file or settings.sources)
    except SourcesFileError as error:
        mistakes = error.mistakes or (str(error),)
        if as_json:
            print_json({"sources": [], "errors": list(mistakes), "warnings": []})
        for mistake in mistakes if not as_json else ():
            typer.echo(f"error: {mistake}", err=True)
        raise typer.Exit(1) from None
    rows = [
        {
            "group": number,
            "source": source.name,
            "kind": source.kind.value,
            "calls": source.estimated_calls(app_class),
        }
        for number, group in enumerate(group_sources(sources, settings.fetch_tasks, app_class), start=1)
        for source in group
    ]
    if as_json:
        print_json({"sources": rows, "errors": [], "warnings": list(warnings(sources))})
        return
    for row in rows:
        typer.echo("group {group}  {source:32} {kind:15} about {calls} calls".format_map(row))
    for warning in warnings(sources):
        typer.echo(f"warning: {warning}", err=True)
