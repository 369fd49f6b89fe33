"""Tests of the commands `spotify-pipeline warehouse`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from spotify_pipeline.cli.main import build
from spotify_pipeline.connections import variable_name
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.revisions import head
from tests.integration.databases import PASSWORDS
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration


def run(command: str, warehouse: Warehouse, **changes: object) -> Result:
    environment = {"SPOTIFY_PIPELINE_WAREHOUSE_ADMIN_URL": warehouse.admin_url}
    for role in roles.ROLES:
        info = warehouse.info(role)
        fields = {
            "conn_type": "postgres",
            "host": info.host,
            "port": info.port,
            "login": role,
            "password": PASSWORDS[role],
            "schema": info.schema,
        }
        environment[variable_name(info.conn_id)] = json.dumps(fields | changes)
    return CliRunner().invoke(build(["warehouse"]), ["warehouse", command], env=environment)


def test_bootstrap_and_migrate_create_a_warehouse(empty_database: str) -> None:
    warehouse = Warehouse(empty_database)
    assert run("bootstrap", warehouse).exit_code == 0
    before = run("status", warehouse)
    assert before.exit_code == 1
    assert "schema revision none" in before.output
    assert run("migrate", warehouse).output == f"the warehouse has schema revision {head()}\n"
    after = run("status", warehouse)
    assert after.exit_code == 0
    assert "newest load: none" in after.output


def test_the_reader_needs_no_schema_name(empty_database: str) -> None:
    warehouse = Warehouse(empty_database)
    assert run("bootstrap", warehouse).exit_code == 0
    with connect(warehouse.info(roles.READER)) as conn:
        assert conn.execute("SHOW search_path").fetchone() == ("marts, ops",)


def test_an_error_is_one_sentence_and_no_traceback(empty_database: str) -> None:
    result = run("migrate", Warehouse(empty_database), port=1)
    assert result.exit_code == 1
    assert result.output.startswith("error: connection 'warehouse_owner': Postgres at 127.0.0.1:1")
    assert result.output.count("\n") == 1
