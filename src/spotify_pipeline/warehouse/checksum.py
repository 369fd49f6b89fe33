"""Computes checksums of tables: equal data gives equal checksums, in any order and number of loads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import TypedDict

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

# columns about the load or run that wrote a row, and its time
_BOOKKEEPING = re.compile(
    r"^((next_|tested_)?load_seq|run_id|try_number|observed_at|raw_key|(begun|loaded|recorded|checked|published|started|finished|built|updated)_at"
    r"|(listing|playability|detail|label|popularity)_(observed_at|rank|raw_key))$"
)
_TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "name"})


class TableChecksum(TypedDict):
    """Number of rows and the SHA-256 over them, hexadecimal."""

    rows: int
    sha256: str


def table_checksums(
    conn: psycopg.Connection, schemas: Iterable[str] = ("staging", "marts")
) -> dict[str, TableChecksum]:
    """Return the checksum of each table of `schemas` by `schema.table`, sorted by name.

    A checksum covers the business columns by name, in the order of the primary key (without one, of all
    columns), as Postgres' COPY writes them under fixed settings. Rows are streamed, so memory does not grow
    with a table. All checksums are of one snapshot, unless `conn` is in a transaction already. The role needs
    SELECT on the tables: `spotify_dbt` has it on staging and marts.
    """
    own_transaction = conn.info.transaction_status is TransactionStatus.IDLE
    with conn.transaction():
        if own_transaction:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute("SET LOCAL timezone TO 'UTC'")
        conn.execute("SET LOCAL datestyle TO 'ISO, YMD'")
        conn.execute("SET LOCAL intervalstyle TO 'postgres'")
        conn.execute("SET LOCAL extra_float_digits TO 1")
        conn.execute("SET LOCAL bytea_output TO 'hex'")
        tables = conn.execute(
            """
            SELECT n.nspname, c.relname, c.oid
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
            ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
            """,
            [list(schemas)],
        ).fetchall()
        return {f"{schema}.{table}": _checksum(conn, schema, table, oid) for schema, table, oid in tables}


def _checksum(conn: psycopg.Connection, schema: str, table: str, oid: int) -> TableChecksum:
    columns = conn.execute(
        """
        SELECT a.attname, t.typname, coalesce(a.attnum = ANY(i.indkey), false)
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
            LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
        WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attname COLLATE "C"
        """,
        [oid],
    ).fetchall()
    business = [(name, type_) for name, type_, _ in columns if not _BOOKKEEPING.match(name)]
    key = [(name, type_) for name, type_, in_key in columns if in_key] or business
    digest = hashlib.sha256(" ".join(name for name, _ in business).encode())
    query = sql.SQL("COPY (SELECT {columns} FROM {table} {order}) TO STDOUT").format(
        columns=sql.SQL(", ").join(sql.Identifier(name) for name, _ in business),
        table=sql.Identifier(schema, table),
        order=sql.SQL("ORDER BY {}").format(sql.SQL(", ").join(_ordered(*column) for column in key))
        if key
        else sql.SQL(""),
    )
    rows = 0
    with conn.cursor() as cursor, cursor.copy(query) as copy:
        for chunk in copy:
            digest.update(chunk)
            rows += 1  # the server sends one message a row
    return {"rows": rows, "sha256": digest.hexdigest()}


def _ordered(name: str, type_: str) -> sql.Composable:
    """Return an expression that sorts the same on every server."""
    if type_ in _TEXT_TYPES:
        return sql.SQL('{} COLLATE "C"').format(sql.Identifier(name))
    if type_ in {"date", "timestamptz", "timestamp", "bool", "int2", "int4", "int8", "numeric", "uuid"}:
        return sql.Identifier(name)
    return sql.SQL('{}::text COLLATE "C"').format(sql.Identifier(name))
