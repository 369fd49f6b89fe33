"""A warehouse to test against, and observations to load into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse import lease, roles
from spotify_pipeline.warehouse.checksum import TableChecksum, table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.load import LoadOutcome, load_partition
from spotify_pipeline.warehouse.table_specs import Occurrence

PASSWORDS = {role: f"password-of-{role}" for role in roles.ROLES}
DAY = date(2026, 11, 5)


@dataclass(frozen=True)
class Warehouse:
    admin_url: str

    @property
    def database(self) -> str:
        return urlsplit(self.admin_url).path.lstrip("/")

    def info(self, role: str = roles.INGEST) -> ConnectionInfo:
        parts = urlsplit(self.admin_url)
        conn_id = role.replace("spotify", "warehouse")
        return ConnectionInfo(
            conn_id, "postgres", parts.hostname, parts.port, role, PASSWORDS[role], self.database
        )

    def connect(self, role: str = roles.INGEST) -> psycopg.Connection:
        return connect(self.info(role))

    def load(
        self, occurrences: Iterable[Occurrence], *, partition: date = DAY, source: str = "one", **more: Any
    ) -> LoadOutcome:
        held = more.pop("lease", None) or lease.acquire(self.info(), "load", partition, source, "test")
        return load_partition(
            self.info(), partition, source, occurrences, lease=held, run_id="test", try_number=1, **more
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin_url) as conn:
            return conn.execute(query).fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        (row,) = self.rows(query)
        return row

    def checksums(self) -> dict[str, TableChecksum]:
        with self.connect(roles.DBT) as conn:
            return table_checksums(conn)

    def truncate(self, table: str) -> None:
        with self.connect(roles.OWNER) as conn:
            conn.execute(f"TRUNCATE {table}")

    def empty(self) -> None:
        tables = self.rows(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'staging'"
        )
        with psycopg.connect(self.admin_url) as conn:
            conn.execute(f"TRUNCATE {', '.join(name for (name,) in tables)}")


def track(
    key: str = "track-1",
    *,
    rank: int = 0,
    at: datetime = datetime(2026, 11, 5, 3, tzinfo=UTC),
    raw_key: str = "raw/a.json",
    position: int | None = None,
    stub: bool = False,
    **fields: Any,
) -> Occurrence:
    """A simplified track; `fields` change its listing or add other groups."""
    listing = {
        "name": "Name",
        "album_id": "album-1",
        "artist_ids": ["artist-1"],
        "track_number": 1,
        "disc_number": 1,
        "duration_ms": 1000,
        "explicit": False,
    }
    return Occurrence("track", key, rank, at, raw_key, listing | fields, stub, position)


def artist(
    key: str = "artist-1", *, stub: bool = False, raw_key: str = "raw/a.json", **fields: Any
) -> Occurrence:
    """A simplified artist."""
    at = datetime(2026, 11, 5, 3, tzinfo=UTC)
    return Occurrence("artist", key, 0, at, raw_key, {"name": "Artist"} | fields, stub)
