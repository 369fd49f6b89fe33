"""Migrations on a real Postgres."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import SchemaVersionError
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.connection import create_engine
from spotify_pipeline.warehouse.migrate import current_revision, head, migrate, require_current
from spotify_pipeline.warehouse.tables import metadata
from tests.integration.warehouse.warehouse_database import Warehouse, track

pytestmark = pytest.mark.integration
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace IN ('staging'::regnamespace, 'ops'::regnamespace, 'landing'::regnamespace)
        AND contype IN ('c', 'p', 'u', 'f') AND conname NOT LIKE 'alembic%' ORDER BY 1, 2
"""


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "schema" or name in ("staging", "ops", "landing")


def test_the_migrated_database_is_what_the_metadata_says(warehouse: Warehouse) -> None:
    options = {"include_schemas": True, "version_table_schema": "ops", "include_name": _ours}
    with create_engine(warehouse.info(roles.OWNER), statement_timeout=60, lock_timeout=60).connect() as conn:
        context = MigrationContext.configure(conn, opts=options | {"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_constraints_are_the_metadata_s(warehouse: Warehouse) -> None:
    """Alembic does not compare checks, so the metadata's own tables are made in their place."""
    migrated = warehouse.rows(CONSTRAINTS)
    assert len(migrated) > 80
    with psycopg.connect(warehouse.admin_url) as conn:
        conn.execute("DROP SCHEMA staging, ops, landing CASCADE")
        conn.execute("CREATE SCHEMA staging")
        conn.execute("CREATE SCHEMA ops")
        conn.execute("CREATE SCHEMA landing")
    with create_engine(_superuser(warehouse), statement_timeout=60, lock_timeout=60).begin() as connection:
        metadata.create_all(connection)
    assert warehouse.rows(CONSTRAINTS) == migrated


def _superuser(warehouse: Warehouse) -> ConnectionInfo:
    url = sa.make_url(warehouse.admin_url)
    return replace(warehouse.info(roles.OWNER), login=url.username, password=url.password)


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.load([track()])
    query = "SELECT xmin, * FROM ops.alembic_version"
    before = warehouse.rows(query)
    assert migrate(warehouse.info(roles.OWNER)) == head()
    assert warehouse.rows(query) == before
    assert warehouse.row("SELECT count(*) FROM staging.tracks") == (1,)


def test_migrations_at_once_do_not_race(bootstrapped: Warehouse) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(bootstrapped.info(roles.OWNER)), range(4)))
    assert done == [head()] * 4
    assert bootstrapped.rows("SELECT version_num FROM ops.alembic_version") == [(head(),)]


def test_a_newer_warehouse_is_refused_and_left_alone(warehouse: Warehouse) -> None:
    with warehouse.connect(roles.OWNER) as conn:
        conn.execute("UPDATE ops.alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaVersionError, match="revision 9999, which this code does not know"):
        migrate(warehouse.info(roles.OWNER))
    with pytest.raises(SchemaVersionError, match="install the newer release"):
        warehouse.load([track()])
    assert warehouse.row("SELECT version_num FROM ops.alembic_version") == ("9999",)
    assert warehouse.row("SELECT count(*) FROM staging.tracks") == (0,)


def test_a_warehouse_that_was_never_migrated_says_what_to_run(bootstrapped: Warehouse) -> None:
    with bootstrapped.connect() as conn:
        assert current_revision(conn) is None
        with pytest.raises(SchemaVersionError, match="run `spotify-pipeline warehouse migrate`"):
            require_current(conn)


def test_a_database_without_schemas_says_what_to_run(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.admin_url) as conn:
        conn.execute("DROP SCHEMA ops CASCADE")
    with pytest.raises(SchemaVersionError, match="warehouse bootstrap"):
        migrate(warehouse.info(roles.OWNER))


def test_every_index_that_models_and_users_query_by_is_there(warehouse: Warehouse) -> None:
    found = warehouse.rows("SELECT indexname FROM pg_indexes WHERE schemaname = 'staging'")
    assert {name for (name,) in found} >= {
        "tracks_isrc_idx",
        "tracks_album_id_idx",
        "tracks_artist_ids_idx",
        "tracks_load_seq_idx",
        "albums_release_date_raw_idx",
        "albums_artist_ids_idx",
        "track_observations_observed_on_idx",
        "track_observations_load_seq_idx",
        "source_records_load_seq_idx",
    }
