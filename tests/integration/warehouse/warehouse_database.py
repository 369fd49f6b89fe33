"""A warehouse for tests, and observations to load into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.observations import SIMPLIFIED, Observation, RowKind
from spotify_pipeline.warehouse import lease, roles
from spotify_pipeline.warehouse.checksum import TableChecksum, table_checksums
from spotify_pipeline.warehouse.connection import open_connection
from spotify_pipeline.warehouse.load import load_partition
from spotify_pipeline.warehouse.merge import MergeOutcome
from spotify_pipeline.warehouse.table_specs import SPECS
from tests.integration.databases import login

DAY = date(2026, 11, 5)
AT = datetime(2026, 11, 5, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Warehouse:
    """A warehouse with a connection for each role."""

    admin_url: str

    @property
    def database(self) -> str:
        return urlsplit(self.admin_url).path.lstrip("/")

    def info(self, role: str = roles.INGEST) -> ConnectionInfo:
        return login(self.admin_url, role)

    def connect(self, role: str = roles.INGEST) -> psycopg.Connection:
        return open_connection(self.info(role))

    def load(
        self, observations: Iterable[Observation], *, partition: date = DAY, source: str = "one", **more: Any
    ) -> MergeOutcome:
        held = more.pop("lease", None) or lease.acquire(self.info(), "load", partition, source, "test")
        return load_partition(
            self.info(), partition, source, observations, lease=held, run_id="test", try_number=1, **more
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

    def wait_until_blocked(self) -> None:
        """Return when some session of the database waits for a lock."""
        with psycopg.connect(self.admin_url, autocommit=True) as conn:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND cardinality(pg_blocking_pids(pid)) > 0"
            )
            for _ in range(3_000):
                row = conn.execute(waiting).fetchone()
                if row and row[0]:
                    return
                conn.execute("SELECT pg_sleep(0.01)")
        raise AssertionError("no session waits")

    def truncate(self, table: str) -> None:
        with self.connect(roles.OWNER) as conn:
            conn.execute(f"TRUNCATE {table}")

    def empty(self) -> None:
        tables = self.rows(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'staging'"
        )
        with psycopg.connect(self.admin_url) as conn:
            conn.execute(f"TRUNCATE {', '.join(name for (name,) in tables)}")


def observation(kind: RowKind, key: str, fields: dict[str, Any], **more: Any) -> Observation:
    """Return an observation with each column in its field group; other columns are in the listing."""
    groups: dict[str, dict[str, Any]] = {}
    group_of = {column: group.name for group in SPECS[kind].groups for column in group.columns}
    for column, value in fields.items():
        groups.setdefault(group_of.get(column, "listing"), {})[column] = value
    made: dict[str, Any] = {"rank": SIMPLIFIED, "observed_at": AT, "raw_key": "raw/a.json"} | more
    return Observation(kind, key, groups=groups, **made)


def track(key: str = "track-1", *, at: datetime = AT, **fields: Any) -> Observation:
    """Return a simplified track; `fields` change its listing or its origin, or add field groups."""
    listing = {
        "name": "Name",
        "album_id": "album-1",
        "artist_ids": ["artist-1"],
        "track_number": 1,
        "disc_number": 1,
        "duration_ms": 1000,
        "explicit": False,
    }
    origin = {name: fields.pop(name) for name in ("rank", "raw_key", "stub") if name in fields}
    return observation("track", key, listing | fields, observed_at=at, **origin)


def artist(key: str = "artist-1", **fields: Any) -> Observation:
    """Return a simplified artist."""
    origin = {name: fields.pop(name) for name in ("raw_key", "stub") if name in fields}
    return observation("artist", key, {"name": "Artist"} | fields, **origin)
