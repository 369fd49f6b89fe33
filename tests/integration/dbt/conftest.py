"""A migrated warehouse for each test that runs dbt."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.dbt.dbt_warehouse import PASSWORD, Warehouse


@pytest.fixture
def warehouse(migrated_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A migrated warehouse without rows."""
    parts = urlsplit(migrated_database)
    database = parts.path.lstrip("/")
    monkeypatch.setenv("WAREHOUSE_HOST", str(parts.hostname))
    monkeypatch.setenv("WAREHOUSE_PORT", str(parts.port))
    monkeypatch.setenv("WAREHOUSE_DATABASE", database)
    monkeypatch.setenv("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", PASSWORD)
    return Warehouse(migrated_database, tmp_path / "target", database)
