"""`spotify-pipeline backup` and `spotify-pipeline restore`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.cli.connections import environment_or_stack, reachable_airflow, settings_or_stack
from spotify_pipeline.cli.output import progress_console
from spotify_pipeline.cli.postgres_programs import postgres_program
from spotify_pipeline.connections import WAREHOUSE_DBT, WAREHOUSE_OWNER
from spotify_pipeline.maintenance.erase import apply_receipts
from spotify_pipeline.maintenance.logins import forget_logins
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.backup import back_up
from spotify_pipeline.warehouse.backup import restore as restore_warehouse

Folder = Annotated[Path, typer.Argument(help="Folder of the backup.")]
_INSTALL = "use that of a machine that has the client programs of Postgres"


def backup(folder: Folder) -> None:
    """Save the warehouse in a new folder. Loads and readers continue meanwhile.

    The object store is not saved: see docs/backup.md.
    """
    owner, dbt = environment_or_stack(WAREHOUSE_OWNER), environment_or_stack(WAREHOUSE_DBT)
    made = back_up(owner, dbt, folder, postgres_program("pg_dump", _INSTALL, newest=True))
    typer.echo(f"saved in {folder}: schema revision {made.revision}, {made.made_at:%Y-%m-%d %H:%M} UTC")


def restore(folder: Folder) -> None:
    """Restore a backup into a warehouse that is bootstrapped and empty, and repeat later erasures."""
    runtime = Runtime(settings=settings_or_stack(), lookup=environment_or_stack)
    owner, dbt = runtime.lookup(WAREHOUSE_OWNER), runtime.lookup(WAREHOUSE_DBT)
    logins = partial(forget_logins, runtime.settings, reachable_airflow())
    lake = runtime.lake  # without it, erased users would come back
    lake.check()
    made = restore_warehouse(owner, dbt, folder, postgres_program("pg_restore", _INSTALL, newest=True))
    erased = apply_receipts(runtime, logins, report=progress_console.print)
    typer.echo(
        f"restored the warehouse of {made.made_at:%Y-%m-%d %H:%M} UTC; {len(erased)} erasures were "
        f"applied again. Load later data with 'spotify-pipeline replay --from "
        f"{made.made_at:%Y-%m-%d} --to …', then run spotify_transform."
    )
