"""Rows of ops.quarantined_record: records that break the contract, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime

import psycopg
from psycopg.rows import class_row

from spotify_pipeline.errors import UnknownRecord

# a resolved row is out of date, so any observation replaces it
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
# id of a row: the same in every warehouse and after every replay
_ID = (
    "left(md5(source || chr(31) || record_kind || chr(31) || record_key || chr(31) || pointer"
    " || chr(31) || reason_code), 12)"
)
_SELECT = f"""
SELECT {_ID} AS id, source, record_kind, record_key, pointer, reason_code, partition, schema_version, raw_key,
    message, first_seen_at, last_seen_at, resolved_at
FROM ops.quarantined_record
"""  # noqa: S608 - of constants


@dataclass(frozen=True)
class Refusal:
    """A quarantined record, its place and its reason. `seen_at` is the time of the response."""

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
class Filters:
    """Filters of `find`; None matches all. `partition` is the newest one that observed a record."""

    partition: date | None = None
    source: str | None = None
    kind: str | None = None
    reason: str | None = None
    resolved: bool = False


@dataclass(frozen=True)
class Quarantined:
    """A row of ops.quarantined_record; `resolved_at` is None while the record breaks the contract."""

    id: str
    source: str
    record_kind: str
    record_key: str
    pointer: str
    reason_code: str
    partition: date
    schema_version: str
    raw_key: str
    message: str
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None

    @property
    def record(self) -> tuple[str, str, str, str]:
        """Identity of the record, without the reason."""
        return (self.source, self.record_kind, self.record_key, self.pointer)

    @property
    def user(self) -> str | None:
        """Hash of the user whose account it came from; None for the catalogue."""
        found = re.search(r"/user=([0-9a-f]{16})/", self.raw_key)
        return found.group(1) if found else None


def record_quarantined(conn: psycopg.Connection, records: Iterable[Refusal]) -> None:
    """Add or update quarantined records; the newest observation wins, in any order of loads."""
    with conn.cursor() as cursor:
        cursor.executemany(_QUARANTINE, [asdict(record) for record in records])


def resolve_quarantined(
    conn: psycopg.Connection, source: str, partition: date, refused: Iterable[Refusal]
) -> None:
    """Mark the records of a source's partition as resolved that are no longer among `refused`."""
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


def find(conn: psycopg.Connection, filters: Filters) -> list[Quarantined]:
    """Return the records that match the filters, newest first."""
    with conn.cursor(row_factory=class_row(Quarantined)) as cursor:
        return cursor.execute(
            _SELECT
            + """
            WHERE (%(partition)s::date IS NULL OR partition = %(partition)s)
                AND (%(source)s::text IS NULL OR source = %(source)s)
                AND (%(kind)s::text IS NULL OR record_kind = %(kind)s)
                AND (%(reason)s::text IS NULL OR reason_code = %(reason)s
                    OR starts_with(reason_code, %(reason)s || '.'))
                AND (%(resolved)s OR resolved_at IS NULL)
            ORDER BY last_seen_at DESC, source, record_kind, record_key, pointer, reason_code
            """,
            {
                "partition": filters.partition,
                "source": filters.source,
                "kind": filters.kind,
                "reason": filters.reason,
                "resolved": filters.resolved,
            },
        ).fetchall()


def get(conn: psycopg.Connection, id_: str) -> Quarantined:
    """Return one record by its id or the start of its id.

    Raises:
        UnknownRecord: no record, or several, match.
    """
    with conn.cursor(row_factory=class_row(Quarantined)) as cursor:
        found = cursor.execute(
            f"SELECT * FROM ({_SELECT}) AS named WHERE starts_with(id, %s) ORDER BY id LIMIT 2",  # noqa: S608 - of constants
            [id_.lower()],
        ).fetchall()
    if len(found) != 1:
        what = "several quarantined records begin" if found else "no quarantined record begins"
        raise UnknownRecord(f"{what} with {id_!r}: take an id of `spotify-pipeline quarantine list --all`")
    return found[0]
