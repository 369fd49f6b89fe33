"""Marts as plain tables in a real Postgres, and the connection of a reader."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from spotify_pipeline.connections import WAREHOUSE_READER, ConnectionInfo
from tests.integration.report import report_marts as marts


@pytest.fixture
def warehouse(empty_database: str) -> Iterator[psycopg.Connection]:
    """A database with empty marts; what a test writes is committed at once."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        marts.create(connection)
        yield connection


@pytest.fixture
def reader(warehouse: psycopg.Connection, empty_database: str) -> ConnectionInfo:
    """Connection of the report."""
    parts = conninfo_to_dict(empty_database)
    return ConnectionInfo(
        conn_id=WAREHOUSE_READER,
        conn_type="postgres",
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        login=str(parts["user"]),
        password=str(parts["password"]),
        schema=str(parts["dbname"]),
    )
