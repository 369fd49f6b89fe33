"""The steps' small world, and dbt over its warehouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.integration.dbt.dbt_warehouse import Warehouse, statuses
from tests.integration.steps.conftest import PASSWORDS, World, sandbox, session_sandbox, world

from spotify_pipeline.warehouse.checksum import TableChecksum, table_checksums
from spotify_pipeline.warehouse.connection import connect

__all__ = ["sandbox", "session_sandbox", "world"]
Build = Callable[..., dict[str, TableChecksum]]


@pytest.fixture
def build(empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> Build:
    """Run `dbt build` with more arguments: all is well, and the sums of the marts."""
    address = urlsplit(empty_database)
    database = address.path.lstrip("/")
    monkeypatch.setenv("WAREHOUSE_HOST", str(address.hostname))
    monkeypatch.setenv("WAREHOUSE_PORT", str(address.port))
    monkeypatch.setenv("WAREHOUSE_DATABASE", database)
    monkeypatch.setenv("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", PASSWORDS["spotify_dbt"])
    warehouse = Warehouse(empty_database, tmp_path / "target", database, passwords=PASSWORDS)

    def run(*arguments: str) -> dict[str, TableChecksum]:
        outcome = statuses(warehouse.dbt("build", *arguments))
        assert not {name: s for name, s in outcome.items() if s in ("error", "fail", "skipped")}
        with connect(world.runtime.lookup("warehouse_dbt")) as conn:
            return table_checksums(conn, schemas=("marts",))

    return run
