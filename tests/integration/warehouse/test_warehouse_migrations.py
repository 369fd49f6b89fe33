"""Tests of migrations on a real Postgres."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from psycopg.rows import dict_row

from spotify_pipeline.errors import SchemaVersionError, WarehouseNewer, WarehouseUnavailable
from spotify_pipeline.warehouse import migrate as migrations
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.migrate import config_for, create_engine, migrate
from spotify_pipeline.warehouse.revisions import current_revision, head, require_current, revisions
from spotify_pipeline.warehouse.tables import metadata
from tests.integration.warehouse.any_row import insert_row, tables_of
from tests.integration.warehouse.warehouse_database import Warehouse, track

pytestmark = pytest.mark.integration
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace IN ('staging'::regnamespace, 'ops'::regnamespace, 'landing'::regnamespace)
        AND contype IN ('c', 'p', 'u', 'f') AND conname NOT LIKE 'alembic%' ORDER BY 1, 2
"""


def owner_engine(warehouse: Warehouse) -> sa.Engine:
    return create_engine(warehouse.info(roles.OWNER), statement_timeout=60, lock_timeout=60)


def test_autogenerate_finds_no_difference(warehouse: Warehouse) -> None:
    with owner_engine(warehouse).connect() as connection:
        command.check(config_for(connection))


def test_constraints_are_those_of_the_metadata(warehouse: Warehouse) -> None:
    """Autogenerate does not compare checks, so the metadata's tables are created and compared instead."""
    migrated = warehouse.rows(CONSTRAINTS)
    assert migrated
    with psycopg.connect(warehouse.admin_url) as conn:
        functions = conn.execute(
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'staging'::regnamespace"
        ).fetchall()
        conn.execute("DROP SCHEMA staging, ops, landing CASCADE")
        for schema in ("staging", "ops", "landing"):
            conn.execute(f"CREATE SCHEMA {schema}")
        for (definition,) in functions:  # a generated column uses it
            conn.execute(definition)
    admin = sa.make_url(warehouse.admin_url).set(drivername="postgresql+psycopg")
    with sa.create_engine(admin, poolclass=sa.NullPool).begin() as connection:
        metadata.create_all(connection)
    assert warehouse.rows(CONSTRAINTS) == migrated


@pytest.mark.parametrize("revision", revisions())
def test_upgrading_a_filled_warehouse_keeps_its_rows(bootstrapped: Warehouse, revision: str) -> None:
    """The test runs from each revision to the newest one."""
    with owner_engine(bootstrapped).begin() as connection:
        command.upgrade(config_for(connection), revision)
    with psycopg.connect(bootstrapped.admin_url) as conn:
        filled = {table: insert_row(conn, table) for table in tables_of(conn)}
    assert migrate(bootstrapped.info(roles.OWNER)) == head()
    with psycopg.connect(bootstrapped.admin_url) as conn, conn.cursor(row_factory=dict_row) as cursor:
        for table in set(filled) & set(tables_of(conn)):
            (row,) = cursor.execute(f"SELECT * FROM {table}").fetchall()
            kept = row.keys() & filled[table].keys()
            assert {name: row[name] for name in kept} == {name: filled[table][name] for name in kept}


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.load([track()])
    query = "SELECT xmin, * FROM ops.alembic_version"
    before = warehouse.rows(query)
    assert migrate(warehouse.info(roles.OWNER)) == head()
    assert warehouse.rows(query) == before
    assert warehouse.row("SELECT count(*) FROM staging.tracks") == (1,)


def test_concurrent_migrations_do_not_conflict(bootstrapped: Warehouse) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(bootstrapped.info(roles.OWNER)), range(4)))
    assert done == [head()] * 4
    assert bootstrapped.rows("SELECT version_num FROM ops.alembic_version") == [(head(),)]


def test_a_table_in_use_ends_a_migration_that_is_tried_again(
    bootstrapped: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = bootstrapped.info(roles.OWNER)
    migrate(owner, revisions()[0])
    monkeypatch.setattr(migrations, "TABLE_LOCK_SECONDS", 0.1)
    with bootstrapped.connect() as conn:
        conn.execute("SELECT FROM staging.albums")
        with pytest.raises(WarehouseUnavailable, match="run the task again"):
            migrate(owner)
    assert migrate(owner) == head()


def test_a_newer_warehouse_is_refused_and_not_changed(warehouse: Warehouse) -> None:
    with warehouse.connect(roles.OWNER) as conn:
        conn.execute("UPDATE ops.alembic_version SET version_num = 'r9999'")
    with pytest.raises(WarehouseNewer, match="revision r9999, which this code does not know"):
        migrate(warehouse.info(roles.OWNER))
    with pytest.raises(WarehouseNewer, match="install the newer release"):
        warehouse.load([track()])
    assert warehouse.row("SELECT version_num FROM ops.alembic_version") == ("r9999",)
    assert warehouse.row("SELECT count(*) FROM staging.tracks") == (0,)


def test_a_draft_before_the_first_release_is_refused(warehouse: Warehouse) -> None:
    with warehouse.connect(roles.OWNER) as conn:
        conn.execute("UPDATE ops.alembic_version SET version_num = '0009'")
    with pytest.raises(SchemaVersionError, match="revision 0009 of a draft .* drop the database"):
        migrate(warehouse.info(roles.OWNER))


def test_the_error_for_an_unmigrated_warehouse_says_what_to_run(bootstrapped: Warehouse) -> None:
    with bootstrapped.connect() as conn:
        assert current_revision(conn) is None
        with pytest.raises(SchemaVersionError, match="run `spotify-pipeline warehouse migrate`"):
            require_current(conn)


def test_the_error_for_missing_schemas_says_what_to_run(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.admin_url) as conn:
        conn.execute("DROP SCHEMA ops CASCADE")
    with pytest.raises(SchemaVersionError, match="warehouse bootstrap"):
        migrate(warehouse.info(roles.OWNER))


def test_indexes_for_queries_of_models_and_users_exist(warehouse: Warehouse) -> None:
    found = warehouse.rows("SELECT indexname FROM pg_indexes WHERE schemaname = 'staging'")
    assert {name for (name,) in found} >= {
        "tracks_album_id_idx",
        "tracks_artist_ids_idx",
        "tracks_load_seq_idx",
        "albums_release_date_idx",
        "albums_artist_ids_idx",
        "track_observations_observed_on_idx",
        "track_observations_load_seq_idx",
        "source_records_load_seq_idx",
    }
