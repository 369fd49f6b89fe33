"""`spotify-pipeline contract`: rules, drift."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from spotify_pipeline import connections
from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.output import Json, print_json, wide_console
from spotify_pipeline.contract.rules import ALL_KINDS, markdown_tables, rules
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import keys
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.field_profiles import drift as read_drift

app = typer.Typer(no_args_is_help=True, help="Show the rules of the contract and drift of the API.")


@app.command("rules")
def rules_(
    kind: Annotated[str | None, typer.Argument(help="track, album, play … Default: all kinds.")] = None,
    as_json: Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the tables of docs/reason-codes.md instead.")
    ] = False,
) -> None:
    """Show every rule: the reason code of a record that breaks it, and what it demands."""
    if as_markdown:
        typer.echo(markdown_tables(), nl=False)
        return
    if kind is not None and kind not in ALL_KINDS:
        raise ConfigurationError(f"kind '{kind}' is unknown: choose one of {', '.join(ALL_KINDS)}")
    found = [rule for name in ([kind] if kind else ALL_KINDS) for rule in rules(name)]
    if as_json:
        print_json([asdict(rule) for rule in found])
        return
    for rule in found:
        typer.echo(f"{rule.code:40} {rule.demand}: {rule.sentence}")


@app.command()
def drift(
    partition: Annotated[str | None, typer.Argument(help="One date, YYYY-MM-DD. Default: all.")] = None,
    as_json: Json = False,
) -> None:
    """Show fields that the contract does not describe, and fields that are gone since the run before."""
    info = environment_or_stack(connections.WAREHOUSE_READER)
    with connect(info) as conn:
        found = read_drift(conn, None if partition is None else keys.parse_partition(partition))
    if as_json:
        print_json([asdict(change) for change in found])
        return
    if not found:
        typer.echo("no drift: every field is known, and no field is gone")
        return
    table = Table("partition", "source", "request", "kind", "change", "field", "records", "since", box=None)
    for change in found:
        table.add_row(
            str(change.partition),
            change.source,
            change.request_kind,
            change.record_kind,
            change.change,
            escape(change.field),
            f"{change.records} of {change.of_records}",
            str(change.compared_with or "-"),
        )
    wide_console().print(table)
