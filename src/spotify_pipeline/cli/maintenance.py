"""`spotify-pipeline maintenance` and `spotify-pipeline erase-user`."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from spotify_pipeline.cli.connections import environment_or_stack, reachable_airflow, settings_or_stack
from spotify_pipeline.cli.output import Json, console, print_json
from spotify_pipeline.connections import WAREHOUSE_OWNER
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.maintenance.erase import apply_receipts, erase_user, require_hash
from spotify_pipeline.maintenance.logins import forget_logins
from spotify_pipeline.maintenance.retention import apply_retention, date_of_spotify, upkeep
from spotify_pipeline.stages.runtime import Runtime, not_logged_in
from spotify_pipeline.stages.users import login_store
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.erasures import Receipt, receipts

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")]


def maintenance(
    dry_run: DryRun = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Date from which ages are counted; default: Spotify's current date.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Delete data that is older than SPOTIFY_PIPELINE_RETAIN_… allows, and vacuum the warehouse."""
    runtime = Runtime(lookup=environment_or_stack)
    day = as_of.date() if as_of else date_of_spotify(runtime)
    removal = apply_retention(runtime, day, dry_run=dry_run, report=partial(typer.echo, err=as_json))
    if not dry_run:
        upkeep(runtime)
    if as_json:
        print_json({"as_of": day, "dry_run": dry_run, "removed": removal.removed, "kept": removal.kept})
        return
    console.print(_table(removal.removed, dry_run=dry_run))
    for line in removal.kept:
        typer.echo(f"kept: {line}")


def erase(
    user: Annotated[str | None, typer.Argument(metavar="HASH", help="Hash of the user.")] = None,
    *,
    me: Annotated[bool, typer.Option("--me", help="The user who is logged in on this machine.")] = False,
    name: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="The user of connection spotify_user_NAME.")
    ] = None,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    show: Annotated[bool, typer.Option("--receipts", help="Only show the earlier erasures.")] = False,
    again: Annotated[
        bool,
        typer.Option("--apply-receipts", help="After a restore, repeat the later erasures."),
    ] = False,
) -> None:
    """Delete all data that derives from a user's account, and keep a receipt of counts.

    This cannot be undone. Delete the user's connection yourself; no run uses it after the erasure.
    """
    runtime = Runtime(settings=settings_or_stack(), lookup=environment_or_stack)
    if again:
        logins = partial(forget_logins, runtime.settings, reachable_airflow())
        done = apply_receipts(runtime, logins, report=typer.echo)
        typer.echo(f"{len(done)} erasures were applied again.")
        return
    if show:
        owner = runtime.lookup(WAREHOUSE_OWNER)
        with connect(owner) as conn:
            _show(receipts(conn))
        return
    if (user is not None) + (name is not None) + me != 1:
        raise ConfigurationError(
            "name one user: by hash, by --user, or by --me for the user who is logged in here"
        )
    user_hash = _logged_in(runtime, name) if user is None else user
    require_hash(user_hash)
    if not (dry_run or yes):
        typer.confirm(f"Delete all data of user {user_hash}? This cannot be undone.", abort=True)
    logins = partial(forget_logins, runtime.settings, reachable_airflow())
    receipt = erase_user(runtime, user_hash, logins, dry_run=dry_run, report=typer.echo)
    console.print(_table(receipt.removed, dry_run=dry_run))
    if dry_run:
        typer.echo("Nothing was deleted.")
        return
    typer.echo(
        f"User {user_hash} is erased; the receipt is in ops.erasure and the lake. Run spotify_transform "
        "once to update counts in the marts, and spotify_report for each date whose page you want again. "
        "Delete the user's connection where it is defined, and then the user's sources."
    )


def _logged_in(runtime: Runtime, name: str | None) -> str:
    store = login_store(runtime.lookup, runtime.settings, runtime.ingest, None, name)
    if store is None:
        raise ConfigurationError(f"{not_logged_in(name)}; or give the user's hash")
    return store.read().user_hash


def _table(removed: Counter[str], *, dry_run: bool) -> Table:
    table = Table("what", "would be removed" if dry_run else "removed")
    table.columns[1].justify = "right"
    for name, count in sorted(removed.items()):
        if count:
            table.add_row(name, f"{count:,}")
    table.add_section()
    table.add_row("in all", f"{sum(removed.values()):,}")
    return table


def _show(found: list[Receipt]) -> None:
    table = Table("user", "erased at (UTC)", "removed")
    for receipt in found:
        at = receipt.erased_at.astimezone(UTC) if receipt.erased_at else None
        what = ", ".join(f"{name} {count:,}" for name, count in sorted(receipt.removed.items()))
        table.add_row(receipt.user_hash, f"{at:%Y-%m-%d %H:%M}" if at else "", what or "nothing was left")
    console.print(table)
