"""Creates the warehouse's database, roles and schemas, as an administrator, before the first migration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from spotify_pipeline.errors import ConfigurationError, WarehouseUnavailable

OWNER = "spotify_owner"
INGEST = "spotify_ingest"
DBT = "spotify_dbt"
READER = "spotify_reader"
ROLES = (OWNER, INGEST, DBT, READER)
OWNER_SCHEMAS = ("staging", "ops")
DBT_AUDIT = "dbt_audit"
MARTS, MARTS_BUILD = "marts", "marts_build"
"""The published schema, and the one in which dbt builds and tests; a publication swaps their names."""
DBT_SCHEMAS = ("dbt_staging", "intermediate", MARTS, MARTS_BUILD, DBT_AUDIT)

_PASSWORD_VARIABLE = re.compile(r":'(\w+)_password'")
# two bootstraps that ALTER one role at once fail with "tuple concurrently updated"; the lock is taken in the
# administrator's own database, since roles belong to the server and advisory locks to a database
_BOOTSTRAP_LOCK = 0x5350_4F54_0001


def bootstrap(
    admin_conninfo: str,
    passwords: Mapping[str, str],
    *,
    database: str = "warehouse",
    connect_timeout: int = 10,
) -> None:
    """Create the database, the four roles and the schemas, or bring them up to date.

    A second run changes the passwords only, to the given ones. They are sent as SCRAM verifiers, so that the
    server never sees or logs them.

    Args:
        admin_conninfo: URL or conninfo of a superuser, or of a role with CREATEROLE and CREATEDB, in any
            database of the server.
        passwords: one for each of `ROLES`.
        database: name of the warehouse database.
        connect_timeout: seconds to wait for the server.

    Raises:
        ConfigurationError: a password is missing, or the administrator may not do this.
        WarehouseUnavailable: the server cannot be reached.
    """
    missing = [role for role in ROLES if not passwords.get(role)]
    if missing:
        raise ConfigurationError(f"no password for {', '.join(missing)}: give one for each warehouse role")
    admin_conninfo = _readable(admin_conninfo)
    try:
        with psycopg.connect(admin_conninfo, autocommit=True, connect_timeout=connect_timeout) as server:
            server.execute("SELECT pg_advisory_lock(%s)", [_BOOTSTRAP_LOCK])
            _create_database(server, database)
            with psycopg.connect(admin_conninfo, dbname=database, connect_timeout=connect_timeout) as conn:
                conn.execute("SET LOCAL client_min_messages TO warning")
                conn.execute(_fill_in(conn, passwords).encode())
    except psycopg.OperationalError as error:
        raise WarehouseUnavailable(
            f"the warehouse server cannot be reached as administrator ({_first_line(error)}): "
            "check that it runs and that the administrator's address and password are right"
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"the administrator may not prepare database '{database}' ({_first_line(error)}): "
            "use the login that created the roles and the database, or a superuser"
        ) from None


def _readable(conninfo: str) -> str:
    """Convert a URL of SQLAlchemy to one of Postgres, and check that it can be parsed.

    Raises:
        ConfigurationError: it cannot; the message repeats neither its text nor psycopg's message, which can
            contain the password.
    """
    plain = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", conninfo.strip())
    try:
        conninfo_to_dict(plain)
    except psycopg.Error:
        raise ConfigurationError(
            "the administrator's URL cannot be read: write postgresql://user:password@host:5432/postgres, "
            "with %25 for a % in the password, %40 for an @ and %2F for a /"
        ) from None
    return plain


def script() -> str:
    """Return the SQL that `bootstrap` runs inside the database, with psql's variables for the passwords."""
    return files(__package__).joinpath("bootstrap.sql").read_text(encoding="utf-8")


def _create_database(server: psycopg.Connection, database: str) -> None:
    if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
        server.execute(create.format(sql.Identifier(database)))


def _fill_in(conn: psycopg.Connection, passwords: Mapping[str, str]) -> str:
    def verifier(match: re.Match[str]) -> str:
        role = match[1]
        scrambled = conn.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
        return sql.Literal(scrambled.decode()).as_string(conn)

    statements = "\n".join(line for line in script().splitlines() if not line.startswith("--"))
    return _PASSWORD_VARIABLE.sub(verifier, statements)


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
