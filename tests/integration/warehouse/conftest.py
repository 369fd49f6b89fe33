"""A separate warehouse for each test."""

from __future__ import annotations

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse import roles
from tests.integration.databases import PASSWORDS
from tests.integration.warehouse.warehouse_database import Warehouse


@pytest.fixture
def bootstrapped(empty_database: str) -> Warehouse:
    warehouse = Warehouse(empty_database)
    roles.bootstrap(empty_database, PASSWORDS, database=warehouse.database)
    return warehouse


@pytest.fixture
def warehouse(migrated_database: str) -> Warehouse:
    return Warehouse(migrated_database)


@pytest.fixture
def ingest(warehouse: Warehouse) -> ConnectionInfo:
    return warehouse.info()
