"""What ops.quarantined_record holds, and the record itself, from the raw answer that it came in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from spotify_pipeline.errors import UnknownRecord
from spotify_pipeline.json_reading import read_json
from spotify_pipeline.lake import Lake

# a name for a row that stays the same in every warehouse and after every replay
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
class Filters:
    """Which records: None takes all. `partition` is the newest in which a record was seen."""

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
        """Which record it is, whatever it was refused for."""
        return (self.source, self.record_kind, self.record_key, self.pointer)

    @property
    def user(self) -> str | None:
        """Hash of the user from whose account it came."""
        found = re.search(r"/user=([0-9a-f]{16})/", self.raw_key)
        return found.group(1) if found else None


def find(conn: psycopg.Connection, filters: Filters) -> list[Quarantined]:
    """Records by filter, newest first; those that are resolved only where asked for."""
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
    """One record by its id, or by the beginning of it.

    Raises:
        UnknownRecord: there is none, or there are several.
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


def read_record(lake: Lake, quarantined: Quarantined) -> Any:
    """The record as Spotify sent it: a parsed value, or bytes where the answer is no JSON.

    Raises:
        DamagedObject: the raw answer is no longer kept.
        LakeUnavailable, BucketMissing, ConfigurationError: see `Lake`.
    """
    data = lake.get(quarantined.raw_key).data
    try:
        value = read_json(data)
    except ValueError:
        return data
    for part in quarantined.pointer.split("/")[1:]:
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return value  # the answer was altered since: the nearest that is there
    return value
