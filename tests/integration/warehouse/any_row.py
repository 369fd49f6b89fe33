"""Rows that fit any table of the warehouse, for tests of migrations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

# name, position, type, whether the server computes its value, and the first text that its check allows
COLUMNS = r"""
    SELECT attname, attnum, format_type(atttypid, NULL), attidentity <> '' OR attgenerated <> '',
        (SELECT substring(pg_get_constraintdef(oid) FROM '(?:ARRAY\[|= )''([^'']+)''') FROM pg_constraint
         WHERE conrelid = attrelid AND contype = 'c' AND conkey = ARRAY[attnum])
    FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""


def tables_of(conn: psycopg.Connection) -> list[str]:
    """Return every table of our schemas except Alembic's."""
    rows = conn.execute(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname IN ('staging', 'ops', 'landing') AND tablename <> 'alembic_version' ORDER BY 1"
    )
    return [name for (name,) in rows]


def insert_row(conn: psycopg.Connection, table: str) -> dict[str, Any]:
    """Insert one row that the table's checks accept, and return it.

    Dates and times grow with a column's position, since `first_seen_on` comes before `last_seen_on`.
    """
    row = {
        name: listed or value_of(type_, position)
        for name, position, type_, made, listed in conn.execute(COLUMNS, [table])
        if not made
    }
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        sql.SQL(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )
    inserted = conn.cursor(row_factory=dict_row).execute(statement, list(row.values())).fetchone()
    assert inserted is not None
    return inserted


def value_of(type_: str, position: int) -> Any:
    moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=position)
    values = {
        "timestamp with time zone": moment,
        "date": moment.date(),
        "text": "0123456789abcdef",
        "text[]": ["0123456789abcdef"],
        "boolean": True,
        "jsonb": Jsonb({"name": 1}),
    }
    return values.get(type_, 1)
