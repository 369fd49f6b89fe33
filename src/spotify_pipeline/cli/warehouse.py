"""`spotify-pipeline warehouse`: bootstrap, migrate, status."""

from __future__ import annotations

from typing import Annotated

import typer

from spotify_pipeline import connections
from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.cli.output import Json, print_json
from spotify_pipeline.connections import from_environment
from spotify_pipeline.warehouse import revisions, roles
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.load_log import highest_load_seq

app = typer.Typer(no_args_is_help=True, help="Create roles and run migrations of the warehouse.")

_ROLE_CONNECTIONS = {
    roles.OWNER: connections.WAREHOUSE_OWNER,
    roles.INGEST: connections.WAREHOUSE_INGEST,
    roles.DBT: connections.WAREHOUSE_DBT,
    roles.READER: connections.WAREHOUSE_READER,
}


@app.command()
def bootstrap(
    admin_url: Annotated[
        str,
        typer.Option(
            envvar="SPOTIFY_PIPELINE_WAREHOUSE_ADMIN_URL",
            show_envvar=True,
            help="URL of an administrator (CREATEROLE, CREATEDB). In the variable, no process list shows it.",
        ),
    ],
) -> None:
    """Create the database, roles and schemas, with the passwords of the four warehouse connections."""
    passwords = {
        role: from_environment(conn_id).require("password") for role, conn_id in _ROLE_CONNECTIONS.items()
    }
    database = from_environment(connections.WAREHOUSE_OWNER).require("schema")
    roles.bootstrap(admin_url, passwords, database=database)
    typer.echo(f"database '{database}' is ready for `spotify-pipeline warehouse migrate`")


@app.command("migrate")
def run_migrations() -> None:
    """Upgrade the tables to the schema revision of this release."""
    from spotify_pipeline.warehouse.migrate import migrate  # noqa: PLC0415 - imports Alembic, which is slow

    revision = migrate(from_environment(connections.WAREHOUSE_OWNER))
    typer.echo(f"the warehouse has schema revision {revision}")


@app.command()
def status(as_json: Json = False) -> None:
    """Show the schema revision and the newest load. The exit status is 1 if a migration is due."""
    info = environment_or_stack(connections.WAREHOUSE_INGEST)
    with connect(info) as conn:
        revision, running = revisions.current_revision(conn), revisions.is_migrating(conn)
        if not as_json:
            typer.echo(f"schema revision {revision or 'none'}, this release works with {revisions.head()}")
            if running:
                typer.echo("a migration is running, or waits for a table that is in use")
        revisions.require_current(conn)
        newest = highest_load_seq(conn)
    if as_json:
        print_json(
            {"revision": revision, "head": revisions.head(), "migrating": running, "newest_load": newest}
        )
    else:
        typer.echo(f"newest load: {newest or 'none'}")
