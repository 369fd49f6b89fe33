"""Tests which dbt results count as failed."""

from __future__ import annotations

import psycopg
import pytest

from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.dbt_results import failed_nodes
from spotify_pipeline.warehouse.migrate import migrate
from tests.integration.databases import PASSWORDS
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration


def record(conn: psycopg.Connection, run_id: str, unique_id: str, status: str) -> None:
    conn.execute(
        "INSERT INTO ops.dbt_result (run_id, unique_id, resource_type, status) VALUES (%s, %s, 'model', %s)",
        [run_id, unique_id, status],
    )
    conn.commit()


def test_only_the_last_try_of_the_newest_run_counts(empty_database: str) -> None:
    warehouse = Warehouse(empty_database)
    roles.bootstrap(empty_database, PASSWORDS, database=warehouse.database)
    with connect(warehouse.info(roles.READER)) as reader:
        assert failed_nodes(reader) == []
    migrate(warehouse.info(roles.OWNER))
    with connect(warehouse.info(roles.DBT)) as dbt, connect(warehouse.info(roles.READER)) as reader:
        record(dbt, "first", "model.old", "error")
        record(dbt, "second", "model.repaired", "error")
        record(dbt, "second", "model.repaired", "success")
        record(dbt, "second", "test.strict", "fail")
        record(dbt, "second", "test.lenient", "warn")
        assert failed_nodes(reader) == ["test.strict"]
