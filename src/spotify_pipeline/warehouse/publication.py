"""Publishes tables that passed all tests, together with their row of ops.publication.

dbt builds and tests in schema `marts_build`, which readers cannot enter. A publication swaps its name with
that of `marts`, moves the rights, and writes its row, all in one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString

import psycopg
from psycopg import sql

from spotify_pipeline.errors import BuildIncomplete, MartsPinned, SchemaVersionError

# in r0002_publication_by_switch.sql, too
_MARTS_LOCK = 0x5350_4F54_0006
PIN_FOR_TRANSACTION = "BEGIN; SELECT * FROM ops.pin_publication();"
PIN_FOR_SESSION = f"DO $$ BEGIN PERFORM pg_advisory_lock_shared({_MARTS_LOCK}); END $$"
"""Statements that keep the published tables in place, for scripts of SQL."""
_SWITCH: LiteralString = "SELECT ops.switch_marts()"
_INPUTS = sql.SQL("""
    SELECT (SELECT coalesce(max(load_seq), 0) FROM ops.load), greatest({newest_rows}),
        (SELECT coalesce(max(load_seq), 0) FROM ops.removal),
        (SELECT md5(string_agg(extract(epoch FROM checked_at)::text, ' '
            ORDER BY partition, source, record_kind)) FROM ops.reconciliation),
        (SELECT md5(string_agg(planned::text, ' ' ORDER BY name)) FROM ops.source AS planned)
""")


@dataclass(frozen=True)
class Publication:
    """A partition whose marts passed every test; `load_seq` is the highest load that they cover."""

    partition: date
    run_id: str
    load_seq: int
    tests_passed: int


@dataclass(frozen=True)
class Build:
    """Nodes of the dbt project that a publication requires, by dbt's unique ids.

    Attributes:
        tables: the models and seeds with a table in `marts_build`.
        tests: the data tests that dbt would run.
    """

    tables: AbstractSet[str]
    tests: AbstractSet[str]


@dataclass(frozen=True)
class Inputs:
    """Identity of dbt's input: `load_seq` is the newest load; equal digests give equal tables.

    A load that changed no row of staging leaves the digest as it was.
    """

    load_seq: int
    digest: str


def inputs_of(conn: psycopg.Connection, code: str) -> Inputs:
    """Return the inputs of a build that starts now.

    Args:
        conn: a connection as spotify_ingest.
        code: digest of the dbt project.
    """
    tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging' ORDER BY tablename")
    # each row has the number of the load that last changed it
    newest_rows = sql.SQL(", ").join(
        sql.SQL("(SELECT max(load_seq) FROM {})").format(sql.Identifier("staging", table))
        for (table,) in tables
    )
    row = conn.execute(_INPUTS.format(newest_rows=newest_rows)).fetchone()
    assert row is not None  # noqa: S101 - a row of subqueries is always there
    load_seq, *changing = row
    text = " ".join(str(part) for part in (*changing, code))
    return Inputs(int(load_seq), hashlib.sha256(text.encode()).hexdigest())


def is_published(conn: psycopg.Connection, inputs: Inputs) -> bool:
    """Return whether the published tables were built from these inputs."""
    newest = _newest_switch(conn)
    return newest is not None and newest.inputs_digest == inputs.digest


def pin(conn: psycopg.Connection) -> None:
    """Keep the published tables in place until the connection closes.

    A publication waits meanwhile. Call it before the transaction that reads: a snapshot that is older than
    the lock can miss rows of the new tables.

    Raises:
        psycopg.errors.LockNotAvailable: a publication took longer than the connection's lock time-out.
    """
    conn.execute("SELECT pg_advisory_lock_shared(%s)", [_MARTS_LOCK])
    if not conn.autocommit:
        conn.commit()


def publish(
    conn: psycopg.Connection,
    partition: date,
    run_id: str,
    load_seq: int,
    build: Build,
    *,
    wait: int,
    inputs_digest: str | None = None,
) -> Publication:
    """Publish the tables that dbt built and tested; after an error nothing has changed.

    If an earlier try of the run committed the switch and was killed after it, its publication is returned.

    Args:
        conn: a connection as spotify_ingest; the caller commits.
        partition: the partition to publish.
        run_id: Airflow's id of the run that tested it.
        load_seq: the newest load that every model has seen.
        build: models and tests of the project.
        wait: seconds to wait for readers that have pinned the present tables.
        inputs_digest: digest of the tables' inputs (`inputs_of`); None if it is not known.

    Raises:
        BuildIncomplete: a table was not built since the last switch, or a test has not passed.
        MartsPinned: readers kept the present tables for longer than `wait`.
        SchemaVersionError: the warehouse was bootstrapped by an older release.
    """
    _lock(conn, wait)
    newest = _newest_switch(conn)
    switched_at = newest.switched_at if newest else None
    built = _built_since(conn, switched_at)
    stored = _stored(conn, partition)
    if build.tables and not built & build.tables and stored is not None and stored.run_id == run_id:
        return stored
    _refuse_incomplete(build.tables - built)
    tests = _test_results(conn, partition, run_id, switched_at)
    _refuse_untested(build.tests, tests)
    publication = Publication(partition, run_id, load_seq, len(build.tests))
    _switch(conn)
    record_publication(conn, publication, inputs_digest=inputs_digest)
    return publication


def publish_again(
    conn: psycopg.Connection, partition: date, run_id: str, inputs: Inputs, *, wait: int
) -> Publication:
    """Publish the present tables for one more partition.

    A second call for the same run changes nothing.

    Args:
        conn: a connection as spotify_ingest; the caller commits.
        partition: the partition to publish.
        run_id: Airflow's id of the run.
        inputs: the inputs that the tables must have been built from.
        wait: seconds to wait for readers that have pinned the newest publication.

    Raises:
        BuildIncomplete: the tables were built from other inputs.
        MartsPinned: readers kept their pin for longer than `wait`.
    """
    _lock(conn, wait)
    newest = _newest_switch(conn)
    if newest is None or newest.inputs_digest != inputs.digest:
        raise BuildIncomplete("other tables were published since the run began: clear its task `watermark`")
    stored = _stored(conn, partition)
    if stored is not None and stored.run_id == run_id:
        return stored
    publication = Publication(partition, run_id, inputs.load_seq, newest.tests_passed)
    record_publication(conn, publication, inputs_digest=newest.inputs_digest, switched_at=newest.switched_at)
    return publication


def record_publication(
    conn: psycopg.Connection,
    publication: Publication,
    *,
    inputs_digest: str | None = None,
    switched_at: datetime | None = None,
) -> None:
    """Write the row of a partition whose tables are published; `load_seq` never decreases.

    Args:
        conn: a connection as spotify_ingest; the caller commits.
        publication: the publication.
        inputs_digest: digest of the tables' inputs.
        switched_at: when the tables were switched to `marts`; None for now.
    """
    conn.execute(
        """
        INSERT INTO ops.publication AS stored
            (partition, published_at, run_id, load_seq, tests_passed, switched_at, inputs_digest)
        VALUES (%s, clock_timestamp(), %s, %s, %s, coalesce(%s, clock_timestamp()), %s)
        ON CONFLICT (partition) DO UPDATE SET
            published_at = excluded.published_at, run_id = excluded.run_id,
            load_seq = greatest(excluded.load_seq, stored.load_seq), tests_passed = excluded.tests_passed,
            switched_at = excluded.switched_at, inputs_digest = excluded.inputs_digest
        """,
        [
            publication.partition,
            publication.run_id,
            publication.load_seq,
            publication.tests_passed,
            switched_at,
            inputs_digest,
        ],
    )


@dataclass(frozen=True)
class _Switch:
    switched_at: datetime
    inputs_digest: str | None
    tests_passed: int


def _newest_switch(conn: psycopg.Connection) -> _Switch | None:
    """Return the newest switch; None before the first."""
    row = conn.execute(
        "SELECT switched_at, inputs_digest, tests_passed FROM ops.publication"
        " WHERE switched_at IS NOT NULL ORDER BY switched_at DESC LIMIT 1"
    ).fetchone()
    return _Switch(*row) if row else None


def _lock(conn: psycopg.Connection, wait: int) -> None:
    conn.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait}s"])
    try:
        with conn.transaction():  # a savepoint, so that the transaction survives a time-out
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


def _switch(conn: psycopg.Connection) -> None:
    try:
        conn.execute(_SWITCH)
    except psycopg.errors.UndefinedFunction:
        raise SchemaVersionError(
            "the warehouse has no schema marts_build: run `spotify-pipeline warehouse bootstrap` once more"
        ) from None


def _stored(conn: psycopg.Connection, partition: date) -> Publication | None:
    row = conn.execute(
        "SELECT partition, run_id, load_seq, tests_passed FROM ops.publication WHERE partition = %s",
        [partition],
    ).fetchone()
    return Publication(*row) if row else None


def _built_since(conn: psycopg.Connection, moment: datetime | None) -> set[str]:
    rows = conn.execute(
        """
        SELECT DISTINCT unique_id FROM ops.dbt_result
        WHERE resource_type IN ('model', 'seed') AND status = 'success'
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
            f"{len(missing)} tables were not built since the last publication ({_some(missing)}): "
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
