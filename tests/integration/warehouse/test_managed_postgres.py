"""Tests of a warehouse on a managed Postgres, whose administrator is no superuser."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.migrate import migrate
from spotify_stack.ports import PortReservation
from spotify_stack.postgres import PostgresServer
from spotify_stack.processes import running
from tests.conftest import FIRST_TEST_PORT
from tests.integration.databases import PASSWORDS
from tests.integration.warehouse.role_statements import ALLOWED, FORBIDDEN
from tests.integration.warehouse.warehouse_database import Warehouse, track

pytestmark = pytest.mark.integration

ADMINISTRATOR = "administrator"


@pytest.fixture
def administrator(tmp_path: Path, port_reservation: PortReservation) -> Iterator[str]:
    """URL of an administrator that may create roles and databases, on a separate server."""
    port = port_reservation.choose(FIRST_TEST_PORT)
    server = PostgresServer(tmp_path / "data", port, password="superuser-of-tests", durable=False)
    server.initialise()
    with running(
        server.command(),
        check=server.check,
        log=tmp_path / "postgres.log",
        what="test Postgres",
        stop_signal=signal.SIGINT,
    ):
        with psycopg.connect(server.url()) as conn:
            conn.execute(f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEDB CREATEROLE PASSWORD 'secret'")
        yield server.url("warehouse", ADMINISTRATOR, "secret")


def test_an_administrator_who_is_no_superuser_can_prepare_it(administrator: str) -> None:
    warehouse = Warehouse(administrator)
    # the second run is as in an upgrade, or a change of passwords
    for _ in range(2):
        roles.bootstrap(administrator.replace("/warehouse", "/postgres"), PASSWORDS)
        migrate(warehouse.info(roles.OWNER))
    warehouse.load([track()])
    with warehouse.connect(roles.DBT) as conn:
        for schema in ("marts", "marts_build", "intermediate"):
            conn.execute(f"CREATE TABLE {schema}.probe (a int)")
    for role in roles.ROLES:
        with warehouse.connect(role) as conn:
            for statement in ALLOWED[role]:
                with conn.transaction(force_rollback=True):
                    conn.execute(statement)
            for statement in FORBIDDEN[role]:
                with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                    conn.execute(statement)
    # the administrator has none of the roles' rights afterwards
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.rows("SELECT * FROM staging.tracks")
