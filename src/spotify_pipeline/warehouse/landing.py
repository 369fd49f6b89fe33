"""Writes folded rows to landing tables, which no reader sees: many writers, each in one transaction.

A batch is open while its driver's session holds the batch's advisory lock. Spark repeats a task that failed,
and runs a second copy of a slow one. Therefore a task first removes the rows of an earlier attempt, in the
same transaction, and attempts of one task wait for each other. A closed batch accepts no rows.
"""
# ruff: noqa: S608 - every name that is put into a statement comes from table_specs.py

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, NamedTuple

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import LeaseLost
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.merge import BATCH, copy_rows
from spotify_pipeline.warehouse.merge_sql import all_columns, folded
from spotify_pipeline.warehouse.table_specs import SPECS, TableSpec

SOURCE_RECORDS = "source_records"
# first half of a batch's advisory lock; a task's lock is (batch, task), and batch numbers stay below this
_BATCH_LOCK = 0x5350_4F01
_SOURCE_RECORDS_COLUMNS = ("source", "record_kind", "record_id", "first_seen_on", "last_seen_on")


class LandingRow(NamedTuple):
    """A row to land: `table` is a record kind or SOURCE_RECORDS, `values` are ordered as in `columns_of`."""

    table: str
    unit: int
    values: Sequence[Any]

    @property
    def where(self) -> str:
        """Name of the record, for messages."""
        return f"{self.table} {self.values[0]}"


def name_of(table: str) -> str:
    """Return the landing table of a record kind, or of SOURCE_RECORDS."""
    name = table if table == SOURCE_RECORDS else SPECS[table].observations.partition(".")[2]
    return f"landing.{name}"


TABLES = tuple(name_of(table) for table in (*SPECS, SOURCE_RECORDS))


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns of a row's `values`."""
    if table == SOURCE_RECORDS:
        return _SOURCE_RECORDS_COLUMNS
    return (SPECS[table].key, "observed_on", *all_columns(SPECS[table]))


def open_batch(conn: psycopg.Connection, run_id: str) -> int:
    """Open a batch; it lasts until `close_batch`, or until the session of `conn` ends.

    `conn` is in autocommit. Batches whose session has ended are removed first.

    Raises:
        psycopg.Error: the warehouse cannot be used.
    """
    remove_dead_batches(conn)
    with conn.transaction():
        row = conn.execute(
            "INSERT INTO landing.batch (run_id, opened_at) VALUES (%s, clock_timestamp()) RETURNING batch",
            [run_id],
        ).fetchone()
        assert row is not None  # noqa: S101 - an INSERT of one row returns it
        # held by the session, so that it outlives the transaction; no other session knows the number yet
        conn.execute("SELECT pg_advisory_lock(%s, %s)", [_BATCH_LOCK, row[0]])
    return int(row[0])


def close_batch(conn: psycopg.Connection, batch: int) -> None:
    """Wait for tasks that are writing, then remove a batch and its rows; no task can write after it."""
    with conn.transaction():
        conn.execute("DELETE FROM landing.batch WHERE batch = %s", [batch])
        for table in TABLES:
            conn.execute(f"DELETE FROM {table} WHERE batch = %s".encode(), [batch])
    conn.execute("SELECT pg_advisory_unlock(%s, %s)", [_BATCH_LOCK, batch])


def remove_dead_batches(conn: psycopg.Connection) -> int:
    """Remove the batches whose session has ended and return their number. `conn` is in autocommit."""
    dead = 0
    for (batch,) in conn.execute("SELECT batch FROM landing.batch ORDER BY batch").fetchall():
        row = conn.execute("SELECT pg_try_advisory_lock(%s, %s)", [_BATCH_LOCK, batch]).fetchone()
        if row and row[0]:
            close_batch(conn, batch)
            dead += 1
    return dead


def write_task(
    info: ConnectionInfo, batch: int, task: int, tables: Iterable[str], rows: Iterable[LandingRow]
) -> Counter[str]:
    """Write the rows of one Spark task in one transaction; they replace those of an earlier attempt.

    Args:
        info: connection `warehouse_ingest`.
        batch: an open batch.
        task: number of the Spark task.
        tables: all tables that the task may write.
        rows: the rows of the task.

    Returns:
        The number of rows by table.

    Raises:
        LeaseLost: the batch was closed.
        RowRefused: Postgres cannot take a value; the message names the record.
        WarehouseUnavailable: it cannot be reached, or the connection was lost.
    """
    counts: Counter[str] = Counter()
    with connect(info, application_name=f"spotify-pipeline landing {task}") as conn:
        # the second of two attempts waits, then removes the rows of the first one
        conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", [batch, task])
        # held to the commit, so that the batch is not closed meanwhile
        if not conn.execute("SELECT 1 FROM landing.batch WHERE batch = %s FOR KEY SHARE", [batch]).fetchone():
            raise LeaseLost(f"batch {batch} of a replay was closed, and task {task} of it wrote nothing")
        for table in tables:
            statement = f"DELETE FROM {name_of(table)} WHERE batch = %s AND task = %s"
            conn.execute(statement.encode(), [batch, task])
        for table, of_table in groupby(rows, key=lambda row: row.table):
            for chunk in _chunks(of_table):
                _copy(conn, batch, task, table, chunk)
                counts[table] += len(chunk)
    return counts


def _copy(conn: psycopg.Connection, batch: int, task: int, table: str, rows: list[LandingRow]) -> None:
    statement = f"COPY {name_of(table)} (batch, task, unit, {', '.join(columns_of(table))}) FROM STDIN"
    values = [(batch, task, row.unit, *row.values) for row in rows]
    copy_rows(conn, statement, values, lambda place: rows[place].where)


def create_folded(conn: psycopg.Connection, spec: TableSpec, batch: int) -> int:
    """Create the merge's table `folded` from the rows of a batch, and return their number."""
    columns = ", ".join((*columns_of(spec.kind), "unit"))
    made = conn.execute(
        f"CREATE TEMPORARY TABLE {folded(spec)} ON COMMIT DROP AS"
        f" SELECT {columns} FROM {name_of(spec.kind)} WHERE batch = {batch:d}".encode()
    )
    conn.execute(f"ANALYZE {folded(spec)} ({spec.key})".encode())
    return made.rowcount


def landed_source_records(batch: int) -> str:
    """Return the query for `merge_source_records`."""
    columns = ", ".join((*_SOURCE_RECORDS_COLUMNS, "unit"))
    return f"SELECT {columns} FROM {name_of(SOURCE_RECORDS)} WHERE batch = {batch:d}"


def _chunks(rows: Iterator[LandingRow]) -> Iterator[list[LandingRow]]:
    while chunk := list(islice(rows, BATCH)):
        yield chunk
