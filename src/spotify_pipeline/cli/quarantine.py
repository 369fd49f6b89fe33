"""`spotify-pipeline quarantine`: list, show, replay."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.output import Json, print_json, wide_console
from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import keys
from spotify_pipeline.stages.quarantine_replay import open_records, read_record
from spotify_pipeline.stages.quarantine_replay import replay as replay_records
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.warehouse import quarantine as records
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.quarantine import Filters, Quarantined

app = typer.Typer(no_args_is_help=True, help="List, show and replay records that broke the contract.")
_BYTES_SHOWN = 2000

Partition = Annotated[str | None, typer.Option(help="Newest date on which the record was seen, YYYY-MM-DD.")]
Source = Annotated[str | None, typer.Option(help="Name in sources.yml.")]
Kind = Annotated[str | None, typer.Option(help="track, album, artist, playlist, play, response …")]
Reason = Annotated[str | None, typer.Option(help="Reason code, or its beginning, such as track.duration_ms.")]


@app.command("list")
def list_(
    *,
    partition: Partition = None,
    source: Source = None,
    kind: Kind = None,
    reason: Reason = None,
    resolved: Annotated[bool, typer.Option("--all", help="Also show records that pass now.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Greatest number of records to show.")] = 50,
    as_json: Json = False,
) -> None:
    """Show quarantined records, newest first."""
    found = open_records(_runtime(), _filters(partition, source, kind, reason, resolved))
    if as_json:
        print_json([_fields(record) for record in found])
        return
    if not found:
        typer.echo("nothing is quarantined" + ("" if resolved else ", or it is resolved: --all shows that"))
        return
    wide_console().print(_table(found[:limit]))
    for code, count in Counter(record.reason_code for record in found).most_common():
        typer.echo(f"  {count:6} {code}")
    if len(found) > limit:
        typer.echo(f"  {len(found) - limit} more: --limit {len(found)} shows all")


@app.command()
def show(
    record: Annotated[str, typer.Argument(help="Id of `quarantine list`, or its beginning.")],
    as_json: Json = False,
) -> None:
    """Show one record as Spotify sent it, the reason for its rejection, and its origin."""
    runtime = _runtime()
    with connect(runtime.ingest) as conn:
        found = records.get(conn, record)
    try:
        raw, absent = read_record(runtime.lake, found), None
    except DamagedObject as error:
        raw, absent = None, f"{error}: retention may have removed it"
    if as_json:
        print_json({**_fields(found), "record": _printable(raw), "record_absent": absent})
        return
    for name, value in _fields(found).items():
        typer.echo(f"{name + ':':16}{value if value is not None else '-'}")
    typer.echo("record:")
    if absent or isinstance(raw, bytes):
        typer.echo(absent or raw_text(raw))
    else:
        print_json(raw)


@app.command()
def replay(
    *,
    partition: Partition = None,
    source: Source = None,
    kind: Kind = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Validate stored responses with today's schemas and load records that pass, without calling Spotify.

    The complete sources of the chosen records are replayed, on every date on which a record was rejected. The
    next run of spotify_transform updates the marts.
    """
    runtime = _runtime()
    chosen = open_records(runtime, _filters(partition, source, kind, reason, resolved=False))
    outcome = replay_records(runtime, chosen)
    if as_json:
        document = {
            "passed": [_fields(record) for record in outcome.passed],
            "still_quarantined": [_fields(record) for record in outcome.still],
            "failures": outcome.failures,
        }
        print_json(document)
    elif not chosen:
        typer.echo("nothing is quarantined that could be replayed")
    else:
        typer.echo(
            f"{len(outcome.passed)} of {len(outcome.passed) + len(outcome.still)} records pass now and are "
            f"loaded, {len(outcome.still)} are still quarantined"
        )
        for code, count in Counter(record.reason_code for record in outcome.still).most_common():
            typer.echo(f"  {count:6} {code}")
    for failure in outcome.failures:
        typer.echo(f"error: {failure}", err=True)
    if outcome.failures:
        raise typer.Exit(1)


def _runtime() -> Runtime:
    return Runtime(lookup=environment_or_stack, attempt=Attempt(f"command-line {uuid.uuid4().hex[:8]}"))


def _filters(
    partition: str | None, source: str | None, kind: str | None, reason: str | None, resolved: bool
) -> Filters:
    day = None if partition is None else keys.parse_partition(partition)
    return Filters(day, source, kind, reason, resolved)


def _table(found: list[Quarantined]) -> Table:
    table = Table("id", "partition", "source", "kind", "record", "reason", "first seen", "state", box=None)
    for record in found:
        table.add_row(
            record.id,
            str(record.partition),
            record.source,
            record.record_kind,
            # a record without an id is named after its place
            escape(record.record_key.rpartition("/")[2][-40:]),
            record.reason_code,
            str(record.first_seen_at.date()),
            "resolved" if record.resolved_at else "open",
        )
    return table


def _fields(record: Quarantined) -> dict[str, Any]:
    return asdict(record)


def raw_text(data: bytes) -> str:
    """Return the beginning of a response that is not JSON, with escapes for unprintable bytes."""
    shown = data[:_BYTES_SHOWN].decode("utf-8", "backslashreplace")
    more = f"\n… {len(data) - _BYTES_SHOWN} bytes more" if len(data) > _BYTES_SHOWN else ""
    return shown + more


def _printable(raw: Any) -> Any:
    return raw_text(raw) if isinstance(raw, bytes) else raw
