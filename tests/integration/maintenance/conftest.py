"""A pipeline with two days of a user's account, and dbt over its warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from spotify_pipeline.warehouse.checksum import TableChecksum, table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_sandbox.control import trusted_certificates
from tests.integration.databases import PASSWORDS
from tests.integration.dbt.dbt_warehouse import Warehouse, statuses
from tests.integration.maintenance.helpers import NEXT_DAY, Dbt
from tests.integration.pipeline import USER, Pipeline, listen, logged_in
from tests.integration.snapshots import Snapshots


def albums_of(pipeline: Pipeline) -> list[str]:
    """Return two albums of an artist."""
    sandbox = pipeline.sandbox
    artist = sandbox.control.catalog().artists[3][0]
    bearer = {"Authorization": f"Bearer {sandbox.access_token()}"}
    url = f"{sandbox.api_url}/artists/{artist}/albums"
    page = httpx.get(url, headers=bearer, verify=trusted_certificates()).json()
    return [album["id"] for album in page["items"][:2]]


@pytest.fixture
def account(pipeline: Pipeline, snapshots: Snapshots) -> Iterator[Pipeline]:
    """A pipeline that has loaded two days of two albums and of a user's account."""
    own = [p["id"] for p in pipeline.sandbox.control.playlists() if p["owner"] == USER]
    pipeline.list_sources(
        {"name": "first", "kind": "album", "ids": albums_of(pipeline)},
        {"name": "lists", "kind": "playlist", "ids": own[:1]},
        {"name": "saved", "kind": "saved_tracks"},
        {"name": "top", "kind": "top_tracks", "time_ranges": ["short_term"]},
        {"name": "top-artists", "kind": "top_artists", "time_ranges": ["short_term"]},
        {"name": "followed", "kind": "followed_artists"},
        {"name": "plays", "kind": "recently_played"},
    )
    account = logged_in(pipeline)

    def two_days() -> None:
        account.run()
        listen(account)
        account.go_to(NEXT_DAY)
        account.run(NEXT_DAY)

    snapshots.once("two days of an account", account, two_days)
    account.go_to(NEXT_DAY)
    yield account
    pipeline.sandbox.control.reset_users()


@pytest.fixture
def clock_far_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention's clock says 2040, so its dates are not in the future."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Later:
            return cls(2040, 1, 1, tzinfo=UTC)

    monkeypatch.setattr("spotify_pipeline.maintenance.retention.datetime", Later)


@pytest.fixture
def dbt(migrated_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline) -> Dbt:
    """A function that runs dbt, checks that no node failed, and returns the checksums of the marts."""
    address = urlsplit(migrated_database)
    database = address.path.lstrip("/")
    monkeypatch.setenv("WAREHOUSE_HOST", str(address.hostname))
    monkeypatch.setenv("WAREHOUSE_PORT", str(address.port))
    monkeypatch.setenv("WAREHOUSE_DATABASE", database)
    monkeypatch.setenv("DBT_ENV_SECRET_WAREHOUSE_PASSWORD", PASSWORDS["spotify_dbt"])
    warehouse = Warehouse(migrated_database, tmp_path / "target", database)

    def run(*arguments: str) -> dict[str, TableChecksum]:
        outcome = statuses(warehouse.dbt(*arguments))
        assert not {name: s for name, s in outcome.items() if s in ("error", "fail", "skipped")}
        with connect(pipeline.runtime.lookup("warehouse_dbt")) as conn:
            return table_checksums(conn, schemas=("marts",))

    return run
