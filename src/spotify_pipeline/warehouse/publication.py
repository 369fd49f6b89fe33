"""Publications: tested tables become those that people read, together with their row of ops.publication.

dbt builds and tests in schema `marts_build`, which readers cannot enter. A publication swaps the names of
it and `marts`, moves the rights, and writes its row, all in one transaction.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime

import psycopg

from spotify_pipeline.errors import BuildIncomplete, MartsPinned, SchemaVersionError

# in r0002_publication_by_switch.sql, too
_MARTS_LOCK = 0x5350_4F54_0006


@dataclass(frozen=True)
class Publication:
    """A partition whose marts passed every test; `load_seq` is the highest load that they cover."""

    partition: date
    run_id: str
    load_seq: int
    tests_passed: int


@dataclass(frozen=True)
class Build:
    """What a publication needs of the dbt project, by dbt's unique ids.

    Attributes:
        models: the models whose tables lie in the schema that is built.
        tests: the data tests that dbt would run.
    """

    models: AbstractSet[str]
    tests: AbstractSet[str]


def pin(conn: psycopg.Connection) -> None:
    """Keep the published tables in place until the connection closes.

    A publication waits meanwhile. Call it before the transaction that reads: a snapshot older than the lock
    could miss rows of the new tables.

    Raises:
        psycopg.errors.LockNotAvailable: a publication took longer than the connection's lock time-out.
    """
    conn.execute("SELECT pg_advisory_lock_shared(%s)", [_MARTS_LOCK])
    if not conn.autocommit:
        conn.commit()


def publish(
    conn: psycopg.Connection, partition: date, run_id: str, load_seq: int, build: Build, *, wait: int
) -> Publication:
    """Make the tables that dbt built and tested those that people read, or do nothing at all.

    A run whose switch was committed before, by a try that was killed after it, is left as it is.

    Args:
        conn: a connection as spotify_ingest; the caller commits.
        partition: the partition to publish.
        run_id: Airflow's id of the run that tested it.
        load_seq: the newest load that every model has seen.
        build: models and tests of the project.
        wait: seconds to wait for readers that have pinned the present tables.

    Raises:
        BuildIncomplete: a model was not built since the last switch, or a test has not passed.
        MartsPinned: readers kept the present tables for longer than `wait`.
        SchemaVersionError: the warehouse was bootstrapped by an older release.
    """
    _lock(conn, wait)
    row = conn.execute("SELECT max(switched_at) FROM ops.publication").fetchone()
    switched_at: datetime | None = row[0] if row else None
    built = _models_built_since(conn, switched_at)
    stored = _stored(conn, partition)
    if build.models and not built & build.models and stored is not None and stored.run_id == run_id:
        return stored
    _refuse_incomplete(build.models - built)
    tests = _test_results(conn, partition, run_id, switched_at)
    _refuse_untested(build.tests, tests)
    publication = Publication(partition, run_id, load_seq, len(build.tests))
    try:
        conn.execute("SELECT ops.switch_marts()")
    except psycopg.errors.UndefinedFunction:
        raise SchemaVersionError(
            "the warehouse has no schema marts_build: run `spotify-pipeline warehouse bootstrap` once more"
        ) from None
    record_publication(conn, publication)
    return publication


def record_publication(conn: psycopg.Connection, publication: Publication) -> None:
    """Write the row of a partition whose tables are those of marts now; `load_seq` only grows."""
    conn.execute(
        """
        INSERT INTO ops.publication AS stored
            (partition, published_at, run_id, load_seq, tests_passed, switched_at)
        VALUES (%s, clock_timestamp(), %s, %s, %s, clock_timestamp())
        ON CONFLICT (partition) DO UPDATE SET
            published_at = excluded.published_at, run_id = excluded.run_id,
            load_seq = greatest(excluded.load_seq, stored.load_seq), tests_passed = excluded.tests_passed,
            switched_at = excluded.switched_at
        """,
        [publication.partition, publication.run_id, publication.load_seq, publication.tests_passed],
    )


def _lock(conn: psycopg.Connection, wait: int) -> None:
    conn.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait}s"])
    try:
        with conn.transaction():  # a savepoint: after a time-out the transaction goes on
            conn.execute("SELECT pg_advisory_xact_lock(%s)", [_MARTS_LOCK])
    except psycopg.errors.LockNotAvailable:
        readers = conn.execute(
            """
            SELECT coalesce(string_agg(format('%%s (%%s, pid %%s)', usename, application_name, pid), ', '
                ORDER BY pid), 'a session that has ended since')
            FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE locktype = 'advisory' AND granted AND pg_locks.database = pg_stat_activity.datid
                AND (classid::bigint << 32 | objid::bigint) = %s
            """,
            [_MARTS_LOCK],
        ).fetchone()
        raise MartsPinned(
            f"readers have pinned the published marts for {wait} s: {readers[0] if readers else ''}"
        ) from None


def _stored(conn: psycopg.Connection, partition: date) -> Publication | None:
    row = conn.execute(
        "SELECT partition, run_id, load_seq, tests_passed FROM ops.publication WHERE partition = %s",
        [partition],
    ).fetchone()
    return Publication(*row) if row else None


def _models_built_since(conn: psycopg.Connection, moment: datetime | None) -> set[str]:
    rows = conn.execute(
        """
        SELECT DISTINCT unique_id FROM ops.dbt_result
        WHERE resource_type = 'model' AND status = 'success'
            AND recorded_at > coalesce(%s::timestamptz, '-infinity')
        """,
        [moment],
    )
    return {row[0] for row in rows}


def _test_results(
    conn: psycopg.Connection, partition: date, run_id: str, moment: datetime | None
) -> dict[str, str]:
    """Return the newest status of each test in this run or since the last switch."""
    rows = conn.execute(
        """
        SELECT DISTINCT ON (unique_id) unique_id, status FROM ops.dbt_result
        WHERE resource_type = 'test'
            AND ((partition = %s AND run_id = %s) OR recorded_at > coalesce(%s::timestamptz, '-infinity'))
        ORDER BY unique_id, recorded_at DESC, id DESC
        """,
        [partition.isoformat(), run_id, moment],
    )
    return dict(rows.fetchall())


def _refuse_incomplete(missing: AbstractSet[str]) -> None:
    if missing:
        raise BuildIncomplete(
            f"{len(missing)} models were not built since the last publication ({_some(missing)}): "
            "clear `catch_up` of the newest run, or all of this run"
        )


def _refuse_untested(wanted: AbstractSet[str], results: dict[str, str]) -> None:
    absent = wanted - results.keys()
    if absent:
        raise BuildIncomplete(f"{len(absent)} data tests have no result ({_some(absent)}): clear their tasks")
    failed = {test for test in wanted if results[test] not in {"pass", "warn"}}
    if failed:
        raise BuildIncomplete(
            f"{len(failed)} data tests did not pass ({_some(failed)}): repair, then clear their tasks"
        )


def _some(names: AbstractSet[str]) -> str:
    shown = sorted(names)[:3]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")
