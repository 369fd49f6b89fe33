"""Tests that a restored and replayed warehouse equals one that was never lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from spotify_pipeline.cli.postgres_programs import postgres_program
from spotify_pipeline.errors import ConfigurationError, SchemaVersionError, UnreadableFile
from spotify_pipeline.maintenance.erase import apply_receipts, erase_user
from spotify_pipeline.sources import load_sources
from spotify_pipeline.stages.replay import plan_replay, reconcile_replay, replay_partition
from spotify_pipeline.warehouse.backup import CONTENTS, ROWS, back_up, read_backup
from spotify_pipeline.warehouse.backup import restore as restore_warehouse
from spotify_pipeline.warehouse.checksum import table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.revisions import head
from spotify_pipeline.warehouse.roles import bootstrap
from tests.integration.databases import PASSWORDS
from tests.integration.maintenance.helpers import NEXT_DAY, Dbt, no_logins, rows_with
from tests.integration.pipeline import DAY, HASH, Pipeline
from tests.integration.stages.commands import call

pytestmark = pytest.mark.integration
DAY_3, DAY_4 = NEXT_DAY + timedelta(days=1), NEXT_DAY + timedelta(days=2)


def lose_warehouse(url: str) -> None:
    """Drop the database and prepare it again as an administrator would."""
    name = url.rpartition("/")[2]
    with psycopg.connect(url.replace(f"/{name}", "/postgres"), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
        conn.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
    bootstrap(url, PASSWORDS, database=name)


def dump_and_restore_programs() -> tuple[str, str]:
    return postgres_program("pg_dump", "", newest=True), postgres_program("pg_restore", "", newest=True)


def all_checksums(pipeline: Pipeline) -> dict[str, object]:
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        return dict(table_checksums(conn, schemas=("staging", "ops")))


def test_a_restored_warehouse_equals_the_saved_one(
    pipeline: Pipeline, migrated_database: str, tmp_path: Path
) -> None:
    pipeline.run()
    with connect(pipeline.runtime.lookup("warehouse_dbt")) as conn:
        conn.execute("CREATE TABLE marts.dim AS SELECT 1 AS one")
        conn.execute("CREATE VIEW dbt_staging.stg AS SELECT * FROM staging.tracks")
    before = all_checksums(pipeline)
    folder = tmp_path / "backups" / "first"
    done = call("backup", pipeline, str(folder))
    assert done.exit_code == 0, done.output
    assert f"schema revision {head()}" in done.stdout
    assert folder.stat().st_mode & 0o077 == 0

    lose_warehouse(migrated_database)
    done = call("restore", pipeline, str(folder))
    assert done.exit_code == 0, done.output
    assert "0 erasures were applied again" in done.stdout
    assert all_checksums(pipeline) == before
    with connect(pipeline.runtime.lookup("warehouse_reader")) as conn:
        assert conn.execute("SELECT one FROM marts.dim").fetchone() == (1,)
    # sequences continue, so a new load gets a new number
    pipeline.go_to(NEXT_DAY)
    assert pipeline.run(NEXT_DAY).complete == ["first", "second"]
    assert call("restore", pipeline, str(folder)).stderr.startswith("error: database")


def test_a_backup_that_cannot_be_used_is_refused(
    pipeline: Pipeline, migrated_database: str, tmp_path: Path
) -> None:
    owner, dbt = pipeline.runtime.lookup("warehouse_owner"), pipeline.runtime.lookup("warehouse_dbt")
    pg_dump, pg_restore = dump_and_restore_programs()
    folder = tmp_path / "backup"
    back_up(owner, dbt, folder, pg_dump)
    with pytest.raises(ConfigurationError, match="cannot be created"):
        back_up(owner, dbt, folder, pg_dump)
    whole = (folder / ROWS).read_bytes()
    (folder / ROWS).write_bytes(whole[:-1])
    with pytest.raises(UnreadableFile, match=f"{ROWS} of backup .* has changed since the backup"):
        restore_warehouse(owner, dbt, folder, pg_restore)
    (folder / ROWS).write_bytes(whole)
    text = (folder / CONTENTS).read_text()
    (folder / CONTENTS).write_text(text.replace(head(), "r9999"))
    with pytest.raises(SchemaVersionError, match="is of a newer release"):
        restore_warehouse(owner, dbt, folder, pg_restore)
    (folder / CONTENTS).unlink()
    with pytest.raises(UnreadableFile, match="is not a complete backup"):
        read_backup(folder)


@pytest.mark.slow
@pytest.mark.usefixtures("clock_far_ahead")
def test_a_replay_after_a_restore_completes_a_lost_warehouse(
    account: Pipeline, dbt: Dbt, migrated_database: str, tmp_path: Path
) -> None:
    dbt("run")
    owner, role = account.runtime.lookup("warehouse_owner"), account.runtime.lookup("warehouse_dbt")
    pg_dump, pg_restore = dump_and_restore_programs()
    back_up(owner, role, tmp_path / "backup", pg_dump)
    erase_user(account.runtime, HASH, no_logins)
    albums = next(source for source in load_sources(account.sources_file) if source.name == "first")
    account.list_sources({"name": "first", "kind": "album", "ids": list(albums.ids)})
    for day in (DAY_3, DAY_4):
        account.go_to(day)
        account.run(day)
    marts = dbt("run")
    staging = account.checksums()

    lose_warehouse(migrated_database)
    restore_warehouse(owner, role, tmp_path / "backup", pg_restore)
    assert rows_with(migrated_database, HASH)
    assert len(apply_receipts(account.runtime, no_logins)) == 1
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 1}
    for planned in plan_replay(account.runtime, DAY, DAY_4):
        states = replay_partition(account.runtime, planned)
        reconcile_replay(account.runtime, planned.partition, states)
    account.run(DAY_4)  # the next ingest, which also records the sources that sources.yml lists
    assert account.checksums() == staging
    assert dbt("run") == marts
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 1}


def test_a_lost_bucket_is_filled_again_by_the_day_s_calls(pipeline: Pipeline) -> None:
    pipeline.run()
    before = pipeline.checksums()
    for key in pipeline.lake.keys(""):
        pipeline.lake.delete(key)
    assert pipeline.run().complete == ["first", "second"]
    assert pipeline.checksums() == before
