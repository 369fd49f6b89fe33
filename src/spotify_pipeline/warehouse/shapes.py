"""Rows of ops.record_shape, and the drift that view ops.contract_drift tells from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb


class Shape(Protocol):
    """Fields of one record kind in the answers of one request kind: name → records that have it."""

    @property
    def request_kind(self) -> str: ...  # noqa: D102
    @property
    def record_kind(self) -> str: ...  # noqa: D102
    @property
    def records(self) -> int: ...  # noqa: D102
    @property
    def fields(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def new_fields(self) -> Sequence[str]: ...  # noqa: D102


@dataclass(frozen=True)
class Drift:
    """A field that is new to the contract, or gone since the partition `compared_with`."""

    partition: date
    source: str
    request_kind: str
    record_kind: str
    change: Literal["new", "gone"]
    field: str
    records: int
    of_records: int
    compared_with: date | None


def record_shapes(conn: psycopg.Connection, partition: date, source: str, shapes: Sequence[Shape]) -> None:
    """Keep the shapes of a source's partition, all of them; what is stored already is not written again."""
    seen = [f"{shape.request_kind} {shape.record_kind}" for shape in shapes]
    conn.execute(
        """
        DELETE FROM ops.record_shape
        WHERE partition = %s AND source = %s AND request_kind || ' ' || record_kind <> ALL(%s)
        """,
        [partition, source, seen],
    )
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ops.record_shape AS stored
                (partition, source, request_kind, record_kind, records, fields, new_fields)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (source, request_kind, record_kind, partition) DO UPDATE SET
                records = excluded.records, fields = excluded.fields, new_fields = excluded.new_fields
            WHERE (stored.records, stored.fields, stored.new_fields)
                IS DISTINCT FROM (excluded.records, excluded.fields, excluded.new_fields)
            """,
            [
                [
                    partition,
                    source,
                    shape.request_kind,
                    shape.record_kind,
                    shape.records,
                    Jsonb(dict(shape.fields)),
                    list(shape.new_fields),
                ]
                for shape in shapes
            ],
        )


def drift(conn: psycopg.Connection, partition: date | None = None) -> list[Drift]:
    """What changed, newest partition first; of one partition, or of all."""
    with conn.cursor(row_factory=class_row(Drift)) as cursor:
        return cursor.execute(
            """
            SELECT partition, source, request_kind, record_kind, change, field, records, of_records,
                compared_with
            FROM ops.contract_drift
            WHERE %(partition)s::date IS NULL OR partition = %(partition)s
            ORDER BY partition DESC, source, record_kind, request_kind, change, field
            """,
            {"partition": partition},
        ).fetchall()
