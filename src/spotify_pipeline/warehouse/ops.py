"""Rows of the schema `ops`: what was planned, loaded, reconciled, refused and published.

Every function works in the transaction that `conn` is in. A call that repeats what is stored writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal

import psycopg

_SOURCES_LOCK = 0x5350_4F54_0004
# a sighting that passes by now says nothing any more
_NEWER = (
    "(stored.resolved_at IS NOT NULL"
    " OR (excluded.last_seen_at, excluded.raw_key) >= (stored.last_seen_at, stored.raw_key))"
)
# the parts are constants
_QUARANTINE = f"""
INSERT INTO ops.quarantined_record AS stored (source, record_kind, record_key, pointer, reason_code,
    partition, schema_version, raw_key, message, first_seen_at, last_seen_at)
VALUES (%(source)s, %(record_kind)s, %(record_key)s, %(pointer)s, %(reason_code)s, %(partition)s,
    %(schema_version)s, %(raw_key)s, %(message)s, %(seen_at)s, %(seen_at)s)
ON CONFLICT (source, record_kind, record_key, pointer, reason_code) DO UPDATE SET
    partition = CASE WHEN {_NEWER} THEN excluded.partition ELSE stored.partition END,
    schema_version = CASE WHEN {_NEWER} THEN excluded.schema_version ELSE stored.schema_version END,
    raw_key = CASE WHEN {_NEWER} THEN excluded.raw_key ELSE stored.raw_key END,
    message = CASE WHEN {_NEWER} THEN excluded.message ELSE stored.message END,
    first_seen_at = least(stored.first_seen_at, excluded.first_seen_at),
    last_seen_at = CASE WHEN {_NEWER} THEN excluded.last_seen_at ELSE stored.last_seen_at END,
    resolved_at = NULL
WHERE stored.resolved_at IS NOT NULL
    OR excluded.first_seen_at < stored.first_seen_at
    OR ({_NEWER} AND (excluded.last_seen_at, excluded.raw_key, excluded.partition, excluded.schema_version,
            excluded.message)
        IS DISTINCT FROM (stored.last_seen_at, stored.raw_key, stored.partition, stored.schema_version,
            stored.message))
"""  # noqa: S608


@dataclass(frozen=True)
class PlannedSource:
    """An entry of sources.yml; `definition_sha256` is over its kind and its ids or queries."""

    name: str
    kind: str
    definition_sha256: str


@dataclass(frozen=True)
class LoadRecord:
    """One committed load: who ran it, and how many rows of tracks, albums and artists it touched."""

    load_seq: int
    partition: date
    source: str
    started_at: datetime
    inserted: int
    updated: int
    unchanged: int
    complete: bool
    run_id: str
    try_number: int


@dataclass(frozen=True)
class Reconciliation:
    """Whether a source's partition adds up: fetched = loaded + quarantined + duplicates + set_aside."""

    partition: date
    source: str
    record_kind: str
    fetched: int
    loaded: int
    quarantined: int
    duplicates: int
    set_aside: int
    complete: bool
    status: Literal["complete", "partial", "failed"]
    message: str | None = None


@dataclass(frozen=True)
class QuarantinedRecord:
    """A record that breaks the contract, and where to find it. `seen_at` is the answer's time."""

    source: str
    record_kind: str
    record_key: str
    pointer: str
    reason_code: str
    partition: date
    schema_version: str
    raw_key: str
    message: str
    seen_at: datetime


@dataclass(frozen=True)
class Cooldown:
    """An endpoint bucket that must not be called before `deadline`."""

    account: str
    bucket: str
    deadline: datetime
    reason: str | None


@dataclass(frozen=True)
class Publication:
    """A partition whose marts passed every test; `load_seq` is the highest load that they cover."""

    partition: date
    run_id: str
    load_seq: int
    tests_passed: int


def record_sources(conn: psycopg.Connection, sources: Iterable[PlannedSource], partition: date) -> None:
    """Keep the plan of a partition; the newest partition's plan says what is active and how it is defined.

    A source that the newest plan does not list becomes inactive and stays. Planning an older partition again
    only widens the dates, so the order of the runs does not matter.
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


def record_load(conn: psycopg.Connection, load: LoadRecord) -> None:
    """Append to the log of loads; `finished_at` is the server's clock, just before COMMIT."""
    conn.execute(
        """
        INSERT INTO ops.load (load_seq, partition, source, started_at, finished_at, inserted, updated,
            unchanged, complete, run_id, try_number)
        VALUES (%(load_seq)s, %(partition)s, %(source)s, %(started_at)s, clock_timestamp(), %(inserted)s,
            %(updated)s, %(unchanged)s, %(complete)s, %(run_id)s, %(try_number)s)
        """,
        asdict(load),
    )


def record_reconciliation(conn: psycopg.Connection, checked: Iterable[Reconciliation]) -> None:
    """Keep the newest result of each partition, source and record kind; an equal one leaves `checked_at`."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ops.reconciliation AS stored (partition, source, record_kind, fetched, loaded,
                quarantined, duplicates, set_aside, complete, status, message, checked_at)
            VALUES (%(partition)s, %(source)s, %(record_kind)s, %(fetched)s, %(loaded)s, %(quarantined)s,
                %(duplicates)s, %(set_aside)s, %(complete)s, %(status)s, %(message)s, clock_timestamp())
            ON CONFLICT (partition, source, record_kind) DO UPDATE SET
                fetched = excluded.fetched, loaded = excluded.loaded, quarantined = excluded.quarantined,
                duplicates = excluded.duplicates, set_aside = excluded.set_aside,
                complete = excluded.complete, status = excluded.status, message = excluded.message,
                checked_at = excluded.checked_at
            WHERE (stored.fetched, stored.loaded, stored.quarantined, stored.duplicates, stored.set_aside,
                    stored.complete, stored.status, stored.message)
                IS DISTINCT FROM (excluded.fetched, excluded.loaded, excluded.quarantined,
                    excluded.duplicates, excluded.set_aside, excluded.complete, excluded.status,
                    excluded.message)
            """,
            [asdict(item) for item in checked],
        )


def record_quarantined(conn: psycopg.Connection, records: Iterable[QuarantinedRecord]) -> None:
    """Keep who was refused and why; what describes it comes from the newest sighting, in any order."""
    with conn.cursor() as cursor:
        cursor.executemany(_QUARANTINE, [asdict(record) for record in records])


def resolve_quarantined(
    conn: psycopg.Connection, source: str, partition: date, refused: Iterable[QuarantinedRecord]
) -> None:
    """Mark what was refused in a source's partition and is not among `refused`, which is all of it now."""
    keys = [(r.record_kind, r.record_key, r.pointer, r.reason_code) for r in refused]
    conn.execute(
        """
        UPDATE ops.quarantined_record AS stored SET resolved_at = clock_timestamp()
        WHERE source = %s AND partition = %s AND resolved_at IS NULL AND NOT EXISTS (
            SELECT FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
                AS refused (kind, key, pointer, code)
            WHERE (refused.kind, refused.key, refused.pointer, refused.code)
                = (stored.record_kind, stored.record_key, stored.pointer, stored.reason_code))
        """,
        [source, partition, *([list(part) for part in zip(*keys, strict=True)] or [[], [], [], []])],
    )


def close_bucket(conn: psycopg.Connection, cooldown: Cooldown) -> None:
    """Close a bucket until its deadline; a deadline that is later already stays."""
    conn.execute(
        """
        INSERT INTO ops.api_cooldown AS stored (account, bucket, deadline, reason, recorded_at)
        VALUES (%s, %s, %s, %s, clock_timestamp())
        ON CONFLICT (account, bucket) DO UPDATE SET
            deadline = excluded.deadline, reason = excluded.reason, recorded_at = excluded.recorded_at
        WHERE excluded.deadline > stored.deadline
        """,
        [cooldown.account, cooldown.bucket, cooldown.deadline, cooldown.reason],
    )


def cooldowns(conn: psycopg.Connection, account: str) -> dict[str, Cooldown]:
    """Give the buckets of an account that were ever closed, by name; the caller compares the deadlines."""
    rows = conn.execute(
        "SELECT account, bucket, deadline, reason FROM ops.api_cooldown WHERE account = %s", [account]
    )
    return {row[1]: Cooldown(*row) for row in rows}


def highest_load_seq(conn: psycopg.Connection) -> int:
    """Give the number of the newest committed load, 0 before the first."""
    row = conn.execute("SELECT coalesce(max(load_seq), 0) FROM ops.load").fetchone()
    return int(row[0]) if row else 0


def record_publication(conn: psycopg.Connection, publication: Publication) -> None:
    """Say that a partition is tested; one that covers an older load does not replace a newer."""
    conn.execute(
        """
        INSERT INTO ops.publication AS stored (partition, published_at, run_id, load_seq, tests_passed)
        VALUES (%s, clock_timestamp(), %s, %s, %s)
        ON CONFLICT (partition) DO UPDATE SET
            published_at = excluded.published_at, run_id = excluded.run_id,
            load_seq = excluded.load_seq, tests_passed = excluded.tests_passed
        WHERE excluded.load_seq >= stored.load_seq
            AND (excluded.run_id, excluded.load_seq, excluded.tests_passed)
                IS DISTINCT FROM (stored.run_id, stored.load_seq, stored.tests_passed)
        """,
        [publication.partition, publication.run_id, publication.load_seq, publication.tests_passed],
    )
