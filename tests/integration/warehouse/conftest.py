"""A warehouse of its own for each test."""

from __future__ import annotations

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.migrate import migrate
from tests.integration.warehouse.warehouse_database import PASSWORDS, Warehouse


@pytest.fixture
def bootstrapped(empty_database: str) -> Warehouse:
    warehouse = Warehouse(empty_database)
    roles.bootstrap(empty_database, PASSWORDS, database=warehouse.database)
    return warehouse


@pytest.fixture
def warehouse(bootstrapped: Warehouse) -> Warehouse:
    migrate(bootstrapped.info(roles.OWNER))
    return bootstrapped


@pytest.fixture
def ingest(warehouse: Warehouse) -> ConnectionInfo:
    return warehouse.info()
