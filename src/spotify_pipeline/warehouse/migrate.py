"""Migrates the warehouse to this code's schema revision, and refuses a newer one."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import SchemaVersionError, WarehouseNewer
from spotify_pipeline.warehouse.connection import create_engine, warehouse_errors

# held to the end of the migration's transaction; a second migration waits, then finds nothing to do
_MIGRATION_LOCK = 0x5350_4F54_0002
# a table that is in use: the migration gives up, and is tried again
_TABLE_LOCK_SECONDS = 20
_NEVER_MIGRATED = "run `spotify-pipeline warehouse migrate`"
# revisions of the drafts before the first release; r0001 takes the place of all of them
_DRAFT = re.compile(r"000[1-9]")


def head() -> str:
    """Return the schema revision of this code."""
    revision = scripts().get_current_head()
    assert revision is not None  # noqa: S101 - the package ships at least one revision
    return revision


@cache
def scripts() -> ScriptDirectory:
    """Return Alembic's view of the revisions in this package."""
    return ScriptDirectory.from_config(_config())


def config_for(connection: sa.Connection) -> Config:
    """Return Alembic's configuration for commands on an open connection of the owner."""
    config = _config()
    config.attributes["connection"] = connection
    return config


def migrate(owner: ConnectionInfo, revision: str = "head") -> str:
    """Upgrade the warehouse in one transaction.

    Several processes can do this at once. A warehouse that has this revision is left unchanged.

    Args:
        owner: connection `warehouse_owner`, the one role that may change tables.
        revision: the revision to reach; by default `head()`. A warehouse that is ahead of it stays as it is.

    Returns:
        The revision that the warehouse now has.

    Raises:
        SchemaVersionError: `revision` is unknown to this code, or the warehouse was never bootstrapped.
        WarehouseNewer: the warehouse has a revision of a newer release.
        WarehouseUnavailable: it cannot be reached, or another session blocks a table for too long.
    """
    _refuse_unknown_target(revision)
    engine = create_engine(owner, statement_timeout=0, lock_timeout=300)
    with warehouse_errors(owner), engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        schemas = sa.text("SELECT nspname FROM pg_namespace WHERE nspname IN ('staging', 'ops')")
        if len(connection.execute(schemas).all()) < 2:
            raise SchemaVersionError(
                f"database '{owner.schema}' has no schemas staging and ops: "
                "run `spotify-pipeline warehouse bootstrap` as an administrator first"
            )
        if connection.execute(sa.text("SELECT to_regclass('ops.alembic_version')")).scalar():
            stored = connection.execute(sa.text("SELECT version_num FROM ops.alembic_version")).scalar()
            _refuse_unknown(stored)
        # while a migration waits for a table, all other sessions wait behind it
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_SECONDS}s'"))
        command.upgrade(config_for(connection), revision)
        reached = connection.execute(sa.text("SELECT version_num FROM ops.alembic_version")).scalar()
    return str(reached)


def is_migrating(conn: psycopg.Connection) -> bool:
    """Return whether a migration runs now, or waits for a table."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (classid::bigint << 32) + objid::bigint = %s)",
        [_MIGRATION_LOCK],
    ).fetchone()
    return bool(row and row[0])


def current_revision(conn: psycopg.Connection) -> str | None:
    """Return the warehouse's revision, None if it was never migrated."""
    try:
        with conn.transaction():
            row = conn.execute("SELECT version_num FROM ops.alembic_version").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None
    return str(row[0]) if row else None


def require_current(conn: psycopg.Connection) -> str:
    """Check that the warehouse has exactly this code's revision, and return it.

    Raises:
        SchemaVersionError: it is older, or was never migrated.
        WarehouseNewer: it is newer.
    """
    stored = current_revision(conn)
    if stored is None:
        raise SchemaVersionError(f"the warehouse was never migrated: {_NEVER_MIGRATED}")
    _refuse_unknown(stored)
    if stored != head():
        raise SchemaVersionError(
            f"the warehouse has schema revision {stored}, this code needs {head()}: {_NEVER_MIGRATED}"
        )
    return stored


def _refuse_unknown(stored: str | None) -> None:
    if stored is None or stored in {script.revision for script in scripts().walk_revisions()}:
        return
    if _DRAFT.fullmatch(stored):
        raise SchemaVersionError(
            f"the warehouse has schema revision {stored} of a draft before the first release, which no "
            "migration upgrades: drop the database, run `spotify-pipeline warehouse bootstrap` and "
            "`spotify-pipeline warehouse migrate`, then load it again with `spotify-pipeline replay`"
        )
    raise WarehouseNewer(
        f"the warehouse has schema revision {stored}, which this code does not know "
        f"(it goes up to {head()}): install the newer release; a schema is never downgraded"
    )


def _refuse_unknown_target(revision: str) -> None:
    if revision != "head" and revision not in {script.revision for script in scripts().walk_revisions()}:
        raise SchemaVersionError(
            f"schema revision {revision} is of a newer release than this one, which goes up to {head()}: "
            "install that release"
        )


def _config() -> Config:
    config = Config()
    # '%' starts an interpolation
    folder = str(files("spotify_pipeline.warehouse") / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
