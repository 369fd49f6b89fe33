"""A warehouse that lives for some seconds: migrated, empty, on loopback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from spotify_pipeline.connections import WAREHOUSE_INGEST, WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.warehouse import migrate, roles
from spotify_stack.child import running
from spotify_stack.ports import HOST, PortReservation
from spotify_stack.postgres import PostgresServer

FIRST_PORT = 15_900
DATABASE = "warehouse"
# opens a server that is gone in a minute, on loopback
SCRATCH = "scratch"
_LOGINS = {WAREHOUSE_OWNER: roles.OWNER, WAREHOUSE_INGEST: roles.INGEST}


@dataclass(frozen=True)
class ScratchWarehouse:
    """A running one, by its server."""

    server: PostgresServer

    @property
    def url(self) -> str:
        """Of the superuser."""
        return self.server.url(DATABASE)

    @property
    def connections(self) -> Mapping[str, ConnectionInfo]:
        """Those that write staging, by id."""
        return {
            conn_id: ConnectionInfo(conn_id, "postgres", HOST, self.server.port, role, SCRATCH, DATABASE)
            for conn_id, role in _LOGINS.items()
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables with which dbt reaches it."""
        return {
            "WAREHOUSE_HOST": HOST,
            "WAREHOUSE_PORT": str(self.server.port),
            "WAREHOUSE_DATABASE": DATABASE,
            "WAREHOUSE_USER": roles.DBT,
            "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": SCRATCH,
        }

    def set_aside(self, prefix: str) -> None:
        """Put `prefix` before the names of dbt's schemas, and make these anew, empty."""
        with psycopg.connect(self.url) as connection:
            for schema in roles.DBT_SCHEMAS:
                names = sql.Identifier(schema), sql.Identifier(prefix + schema)
                connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*names))
        self.prepare()

    def prepare(self) -> None:
        """Make the roles, the schemas and what each role may do."""
        roles.bootstrap(self.server.url(), dict.fromkeys(roles.ROLES, SCRATCH), database=DATABASE)


@contextmanager
def scratch_warehouse(folder: Path) -> Iterator[ScratchWarehouse]:
    """Start one whose files lie in `folder`, which a Postgres of another user must be able to enter.

    Raises:
        NotReady: the server did not start.
    """
    with PortReservation() as reservation:
        server = PostgresServer(folder / "postgres", reservation.choose(FIRST_PORT), SCRATCH, durable=False)
        server.initialise()
        log = folder / "postgres.log"
        with running(server.command(), check=server.check, log=log, what="scratch Postgres"):
            warehouse = ScratchWarehouse(server)
            warehouse.prepare()
            migrate.migrate(warehouse.connections[WAREHOUSE_OWNER])
            yield warehouse
