"""Starts scratch servers for developer tools and benchmarks: empty, on loopback, stopped after use."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from spotify_pipeline.connections import SPOTIFY_LAKE, WAREHOUSE_INGEST, WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.warehouse import migrate, roles
from spotify_stack.airflow_environment import isolate
from spotify_stack.object_store import GRPC_OFFSET, PARTS, SeaweedServer
from spotify_stack.ports import HOST, PortReservation
from spotify_stack.postgres import PostgresServer
from spotify_stack.processes import running

WAREHOUSE_PORT = 15_900
LAKE_PORT = 15_950
DATABASE = "warehouse"
# password of servers that live for a minute, on loopback
SCRATCH = "scratch"
_LOGINS = {WAREHOUSE_OWNER: roles.OWNER, WAREHOUSE_INGEST: roles.INGEST}


@dataclass(frozen=True)
class ScratchWarehouse:
    """A running warehouse on a scratch server."""

    server: PostgresServer

    @property
    def url(self) -> str:
        """URL of the superuser."""
        return self.server.url(DATABASE)

    @property
    def connections(self) -> Mapping[str, ConnectionInfo]:
        """The connections that write staging, by id."""
        return {
            conn_id: ConnectionInfo(conn_id, "postgres", HOST, self.server.port, role, SCRATCH, DATABASE)
            for conn_id, role in _LOGINS.items()
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables with which dbt connects to it."""
        return {
            "WAREHOUSE_HOST": HOST,
            "WAREHOUSE_PORT": str(self.server.port),
            "WAREHOUSE_DATABASE": DATABASE,
            "WAREHOUSE_USER": roles.DBT,
            "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": SCRATCH,
        }

    def rename_dbt_schemas(self, prefix: str) -> None:
        """Put `prefix` before the names of dbt's schemas, and create these schemas again, empty."""
        with psycopg.connect(self.url) as connection:
            for schema in roles.DBT_SCHEMAS:
                names = sql.Identifier(schema), sql.Identifier(prefix + schema)
                connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*names))
        self.create_roles()

    def create_roles(self) -> None:
        """Create the roles, the schemas and the rights of each role."""
        roles.bootstrap(self.server.url(), dict.fromkeys(roles.ROLES, SCRATCH), database=DATABASE)


@contextmanager
def scratch_warehouse(folder: Path) -> Iterator[ScratchWarehouse]:
    """Start an empty, migrated warehouse.

    Args:
        folder: Where its files are written; a Postgres of another user must be able to enter it.

    Raises:
        NotReady: the server did not start.
    """
    isolate()
    with PortReservation() as reservation:
        port = reservation.choose(WAREHOUSE_PORT)
        server = PostgresServer(folder / "postgres", port, SCRATCH, durable=False)
        server.initialise()
        log = folder / "postgres.log"
        with running(server.command(), check=server.check, log=log, what="scratch Postgres"):
            warehouse = ScratchWarehouse(server)
            warehouse.create_roles()
            migrate.migrate(warehouse.connections[WAREHOUSE_OWNER])
            yield warehouse


@contextmanager
def scratch_lake(folder: Path) -> Iterator[ConnectionInfo]:
    """Start an empty object store and yield the connection to it.

    Raises:
        NotReady: the server did not start.
    """
    with PortReservation() as reservation:
        wanted = dict(zip(PARTS, itertools.count(LAKE_PORT, step=10), strict=False))
        ports = reservation.choose_all(wanted, offsets=dict.fromkeys(PARTS, (0, GRPC_OFFSET)))
        server = SeaweedServer(folder / "lake", ports, access_key=SCRATCH, secret_key=SCRATCH * 2)
        server.initialise()
        with running(
            server.command(),
            check=server.check,
            log=folder / "lake.log",
            what="scratch object store",
            environment=server.environment(),
        ):
            yield ConnectionInfo(
                SPOTIFY_LAKE,
                host=HOST,
                port=server.port,
                login=server.access_key,
                password=server.secret_key,
                schema=server.bucket,
            )
    server.remove_sockets()
