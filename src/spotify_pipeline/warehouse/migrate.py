"""Migrates the warehouse to this code's schema revision, and refuses a newer one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.pool import NullPool

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import SchemaVersionError
from spotify_pipeline.warehouse.connection import open_connection, warehouse_errors
from spotify_pipeline.warehouse.revisions import (
    MIGRATION_LOCK,
    MIGRATIONS,
    head,
    refuse_unknown,
    revisions,
)

# a table that is in use: the migration gives up, and is tried again
TABLE_LOCK_SECONDS = 20


def create_engine(info: ConnectionInfo, *, statement_timeout: int, lock_timeout: int) -> sa.Engine:
    """Return an SQLAlchemy engine without a pool, whose connections `open_connection` opens."""
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: open_connection(info, statement_timeout=statement_timeout, lock_timeout=lock_timeout),
        poolclass=NullPool,
    )


def config_for(connection: sa.Connection) -> Config:
    """Return Alembic's configuration for commands on an open connection of the owner."""
    config = Config()
    # '%' starts an interpolation
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
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
    with warehouse_errors(owner), _driver_errors(), engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        schemas = sa.text("SELECT nspname FROM pg_namespace WHERE nspname IN ('staging', 'ops')")
        if len(connection.execute(schemas).all()) < 2:
            raise SchemaVersionError(
                f"database '{owner.schema}' has no schemas staging and ops: "
                "run `spotify-pipeline warehouse bootstrap` as an administrator first"
            )
        if connection.execute(sa.text("SELECT to_regclass('ops.alembic_version')")).scalar():
            stored = connection.execute(sa.text("SELECT version_num FROM ops.alembic_version")).scalar()
            refuse_unknown(stored)
        # while a migration waits for a table, all other sessions wait behind it
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{TABLE_LOCK_SECONDS}s'"))
        command.upgrade(config_for(connection), revision)
        reached = connection.execute(sa.text("SELECT version_num FROM ops.alembic_version")).scalar()
    return str(reached)


def _refuse_unknown_target(revision: str) -> None:
    if revision != "head" and revision not in revisions():
        raise SchemaVersionError(
            f"schema revision {revision} is of a newer release than this one, which goes up to {head()}: "
            "install that release"
        )


@contextmanager
def _driver_errors() -> Iterator[None]:
    """Raise the errors of psycopg instead of SQLAlchemy's, which wrap them."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise error.orig or error from None
