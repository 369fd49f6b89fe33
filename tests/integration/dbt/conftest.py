"""A migrated warehouse for each test that runs dbt."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse.migrate import migrate
from spotify_pipeline.warehouse.roles import ROLES, bootstrap
from tests.integration.dbt.dbt_warehouse import PASSWORD, Warehouse


@pytest.fixture
def warehouse(empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A migrated warehouse without rows."""
    parts = urlsplit(empty_database)
    database = parts.path.lstrip("/")
    bootstrap(empty_database, dict.fromkeys(ROLES, PASSWORD), database=database)
    migrate(
        ConnectionInfo(
            "warehouse_owner",
            "postgres",
            host=parts.hostname,
            port=parts.port,
            login="spotify_owner",
            password=PASSWORD,
            schema=database,
        )
    )
    monkeypatch.setenv("WAREHOUSE_HOST", str(parts.hostname))
    monkeypatch.setenv("WAREHOUSE_PORT", str(parts.port))
    monkeypatch.setenv("WAREHOUSE_DATABASE", database)
    monkeypatch.setenv("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", PASSWORD)
    return Warehouse(empty_database, tmp_path / "target", database)
