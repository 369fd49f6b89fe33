"""The schema revisions of this code, and the check that a warehouse has the newest one."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import psycopg

from spotify_pipeline.errors import SchemaVersionError, WarehouseNewer

# a migration holds it to the end of its transaction; a second one waits, then finds nothing to do
MIGRATION_LOCK = 0x5350_4F54_0002
MIGRATIONS = files("spotify_pipeline.warehouse") / "migrations"
_NEVER_MIGRATED = "run `spotify-pipeline warehouse migrate`"
# revisions of the drafts before the first release; r0001 takes the place of all of them
_DRAFT = re.compile(r"000[1-9]")
_MODULE = re.compile(r"(r\d{4})_\w+\.py")


@cache
def revisions() -> tuple[str, ...]:
    """Return the schema revisions of this code, oldest first.

    The names of their modules have them: Alembic, which reads the modules, is slow to import.
    """
    found = (_MODULE.fullmatch(path.name) for path in (MIGRATIONS / "versions").iterdir())
    return tuple(sorted(match[1] for match in found if match))


def head() -> str:
    """Return the newest schema revision of this code."""
    return revisions()[-1]


def is_migrating(conn: psycopg.Connection) -> bool:
    """Return whether a migration runs now, or waits for a table."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (classid::bigint << 32) + objid::bigint = %s)",
        [MIGRATION_LOCK],
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
    refuse_unknown(stored)
    if stored != head():
        raise SchemaVersionError(
            f"the warehouse has schema revision {stored}, this code needs {head()}: {_NEVER_MIGRATED}"
        )
    return stored


def refuse_unknown(stored: str | None) -> None:
    """Check that this code knows the revision of a warehouse; None is one that was never migrated.

    Raises:
        SchemaVersionError: it is one of a draft before the first release.
        WarehouseNewer: it is newer than this code.
    """
    if stored is None or stored in revisions():
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
