"""Rows of ops.source: all sources that were ever planned, and whether they are active."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import psycopg

_SOURCES_LOCK = 0x5350_4F54_0004


@dataclass(frozen=True)
class PlannedSource:
    """An entry of sources.yml; `definition_sha256` covers its kind and its ids or queries."""

    name: str
    kind: str
    definition_sha256: str


def record_sources(conn: psycopg.Connection, sources: Iterable[PlannedSource], partition: date) -> None:
    """Store the plan of a partition; the plan of the newest partition decides which sources are active.

    A source that the newest plan does not list becomes inactive and stays. The plan of an older partition
    only extends the dates, so the order of the runs does not matter.
    """
    listed = list(sources)
    conn.execute("SELECT pg_advisory_xact_lock(%s)", [_SOURCES_LOCK])
    row = conn.execute("SELECT max(last_planned_on) FROM ops.source").fetchone()
    newest = row[0] if row else None
    is_newest = newest is None or partition >= newest
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ops.source AS stored
                (name, kind, active, definition_sha256, first_planned_on, last_planned_on)
            VALUES (%(name)s, %(kind)s, %(newest)s, %(sha256)s, %(partition)s, %(partition)s)
            ON CONFLICT (name) DO UPDATE SET
                kind = CASE WHEN excluded.last_planned_on >= stored.last_planned_on
                    THEN excluded.kind ELSE stored.kind END,
                definition_sha256 = CASE WHEN excluded.last_planned_on >= stored.last_planned_on
                    THEN excluded.definition_sha256 ELSE stored.definition_sha256 END,
                active = CASE WHEN excluded.active THEN true ELSE stored.active END,
                first_planned_on = least(stored.first_planned_on, excluded.first_planned_on),
                last_planned_on = greatest(stored.last_planned_on, excluded.last_planned_on)
            WHERE (excluded.active AND NOT stored.active)
                OR excluded.first_planned_on < stored.first_planned_on
                OR excluded.last_planned_on > stored.last_planned_on
                OR (excluded.last_planned_on = stored.last_planned_on
                    AND (excluded.kind, excluded.definition_sha256)
                        IS DISTINCT FROM (stored.kind, stored.definition_sha256))
            """,
            [
                {
                    "name": source.name,
                    "kind": source.kind,
                    "newest": is_newest,
                    "sha256": source.definition_sha256,
                    "partition": partition,
                }
                for source in listed
            ],
        )
    if is_newest:
        conn.execute(
            "UPDATE ops.source SET active = false WHERE active AND name <> ALL(%s)",
            [[source.name for source in listed]],
        )
