"""Rows of ops.record_shape, the field profiles, and of view ops.contract_drift, the drift between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from spotify_pipeline.contract.field_profile import FieldProfile


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


def record_profiles(
    conn: psycopg.Connection, partition: date, source: str, profiles: Sequence[FieldProfile]
) -> None:
    """Replace the field profiles of a source's partition; equal ones write nothing."""
    seen = [f"{profile.request_kind} {profile.record_kind}" for profile in profiles]
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
                    profile.request_kind,
                    profile.record_kind,
                    profile.records,
                    Jsonb(dict(profile.fields)),
                    list(profile.new_fields),
                ]
                for profile in profiles
            ],
        )


def drift(conn: psycopg.Connection, partition: date | None = None) -> list[Drift]:
    """Return the drift of one partition or of all, newest partition first."""
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
