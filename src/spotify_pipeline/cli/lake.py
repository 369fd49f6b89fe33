"""`spotify-pipeline lake`: make the bucket, look into it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.output import Json, print_json
from spotify_pipeline.connections import SPOTIFY_LAKE, from_environment
from spotify_pipeline.lake import keys
from spotify_pipeline.lake.store import Lake

app = typer.Typer(no_args_is_help=True, help="Create the bucket of the object store, and count objects.")
ZONES = (keys.RAW, keys.VALIDATED, keys.QUARANTINE, keys.REPORTS)


@app.command()
def init() -> None:
    """Create the bucket of connection spotify_lake; an existing one is left as it is."""
    lake = Lake(from_environment(SPOTIFY_LAKE))
    made = lake.create_bucket()
    typer.echo(f"bucket '{lake.bucket}' on {lake.address} {'created' if made else 'exists already'}")


@app.command()
def count(
    partition: Annotated[str | None, typer.Argument(help="One date, YYYY-MM-DD. Default: all.")] = None,
    as_json: Json = False,
) -> None:
    """Show the number of objects in each zone."""
    lake = Lake(environment_or_stack(SPOTIFY_LAKE))
    counts: dict[str, dict[str, int]] = {}
    for zone in ZONES:
        prefix = keys.partition_prefix(zone, keys.parse_partition(partition)) if partition else f"{zone}/"
        found = lake.keys(prefix)
        sources = Counter(keys.source_of(key) or "-" for key in found)
        counts[zone] = {"objects": len(found), "sources": len(sources)}
    if as_json:
        print_json(counts)
        return
    for zone, of_zone in counts.items():
        typer.echo(f"{zone:12}{of_zone['objects']:8}  in {of_zone['sources']} sources")
