"""Everything of one user goes: from the lake, the warehouse, the marts, and the login.

The order makes it safe to end at any point and to run again: first the receipt, which from then on keeps
every run from reading for this user or loading what it read; then login, objects, rows, marts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from spotify_pipeline.connections import WAREHOUSE_DBT, WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import keys
from spotify_pipeline.maintenance.objects import objects_of_user, remove_whole
from spotify_pipeline.sources.model import SourceKind
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import erase_sql, landing
from spotify_pipeline.warehouse.connection import connect, naming_the_server
from spotify_pipeline.warehouse.merge import LOAD_LOCK
from spotify_pipeline.warehouse.migrate import require_current
from spotify_pipeline.warehouse.roles import DBT_SCHEMAS

LOGIN_KINDS = [kind.value for kind in SourceKind if kind.needs_login]
ForgetLogins = Callable[[str, bool], dict[str, int]]
"""Removes the tokens of a user (hash, dry run) wherever it can reach them; counts by place."""


@dataclass(frozen=True)
class Receipt:
    """What was removed for a user: objects by zone, rows by table, logins by place. Counts, no content."""

    user_hash: str
    removed: Counter[str] = field(default_factory=Counter)
    erased_at: datetime | None = None

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.removed.values())


@dataclass(frozen=True)
class _Ids:
    """What went from the warehouse, by kind, for the marts to follow."""

    playlists: list[str]
    tracks: list[str]
    albums: list[str]
    artists: list[str]

    def of_column(self, column: str) -> list[str]:
        """Ids that must not be left in a column of a mart."""
        if column == "record_id":
            return [*self.playlists, *self.tracks, *self.albums, *self.artists]
        for kind in ("playlist", "track", "album", "artist"):
            if column.endswith(f"{kind}_id"):
                return list(getattr(self, f"{kind}s"))
        return []


def erase_user(
    runtime: Runtime,
    user_hash: str,
    forget_logins: ForgetLogins,
    *,
    dry_run: bool = False,
    report: Callable[[str], None] = lambda _line: None,
) -> Receipt:
    """Remove all that derives from a user's account; a second call finds nothing. A dry run only counts.

    Counts that the marts derive (tracks of an artist, new tracks of a day) follow with the next run of dbt.

    Raises:
        ConfigurationError: `user_hash` is none.
        LakeUnavailable, WarehouseUnavailable: the store or the warehouse cannot be used; run it again.
    """
    if not re.fullmatch(r"[0-9a-f]{16}", user_hash):
        raise ConfigurationError(
            "a user is named by 16 hexadecimal digits, as 'spotify-pipeline auth status' shows them: give "
            "those, or --me for who is logged in here"
        )
    receipt = Receipt(user_hash)
    owner = runtime.lookup(WAREHOUSE_OWNER)
    number = None if dry_run else _begin(owner, user_hash)
    receipt.removed.update(forget_logins(user_hash, dry_run))
    sources: set[str] = set()
    objects = objects_of_user(runtime.lake, user_hash)
    for zone, stored in objects.items():
        sources |= {source for key in stored if (source := keys.source_of(key))}
        receipt.removed[f"{zone} objects"] = len(stored)
        report(f"{zone}: {len(stored)} objects")
        if not dry_run:
            remove_whole(runtime.lake, zone, stored)
    ids = _erase_rows(owner, receipt, sources, dry_run=dry_run)
    report(f"warehouse: {sum(count for name, count in receipt.removed.items() if '.' in name)} rows")
    _erase_marts(runtime.lookup(WAREHOUSE_DBT), receipt, ids, dry_run=dry_run)
    if number is not None:
        # what a replay that is under way has landed goes with its batch, and is not loaded: its lease is lost
        with naming_the_server(owner), connect(owner, autocommit=True) as conn:
            landing.remove_dead(conn)
        # a fetch that was under way may have written more
        for zone, stored in objects_of_user(runtime.lake, user_hash).items():
            receipt.removed[f"{zone} objects"] += len(stored)
            remove_whole(runtime.lake, zone, stored)
        _finish(owner, number, receipt)
    return receipt


def receipts(owner: ConnectionInfo) -> list[Receipt]:
    """All erasures, newest first.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(owner), connect(owner) as conn:
        rows = conn.execute("SELECT user_hash, removed, erased_at FROM ops.erasure ORDER BY id DESC")
        return [Receipt(user_hash, Counter(removed), erased_at) for user_hash, removed, erased_at in rows]


def _begin(owner: ConnectionInfo, user_hash: str) -> int:
    with naming_the_server(owner), connect(owner) as conn:
        require_current(conn)
        row = conn.execute(
            "INSERT INTO ops.erasure (user_hash, erased_at, removed) VALUES (%s, clock_timestamp(), '{}')"
            " RETURNING id",
            [user_hash],
        ).fetchone()
    assert row is not None  # noqa: S101 - an INSERT of one row returns it
    return int(row[0])


def _finish(owner: ConnectionInfo, number: int, receipt: Receipt) -> None:
    with naming_the_server(owner), connect(owner) as conn:
        conn.execute(
            "UPDATE ops.erasure SET removed = %s, erased_at = clock_timestamp() WHERE id = %s",
            [Jsonb({name: count for name, count in sorted(receipt.removed.items()) if count}), number],
        )


def _erase_rows(owner: ConnectionInfo, receipt: Receipt, sources: set[str], *, dry_run: bool) -> _Ids:
    """Delete from staging and ops in one transaction, which no load runs beside."""
    names: dict[str, Any] = {
        "user": receipt.user_hash,
        "from_user": f"%/user={receipt.user_hash}/%",
        "login_kinds": LOGIN_KINDS,
    }
    with naming_the_server(owner), connect(owner, application_name="spotify-pipeline erase") as conn:
        require_current(conn)
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])
        found = {
            row[0]
            for statement in (erase_sql.OWN_SOURCES, erase_sql.ONLY_USERS_SOURCES)
            for row in conn.execute(statement, names)
        }
        names["sources"] = sorted(sources | found)
        conn.execute(erase_sql.FENCE_OFF, names)
        for name, statement in erase_sql.FIND.items():
            names[name] = _column(conn, statement, names)
        for table, statement in erase_sql.DELETE_LISTS.items():
            receipt.removed[table] += conn.execute(statement, names).rowcount
        ids = _Ids(names["playlists"], *_erase_records(conn, receipt, names))
        for table, statement in erase_sql.CRAWL.items():
            receipt.removed[table] += conn.execute(
                statement, {"sources": names["sources"], "gone": ids.tracks}
            ).rowcount
        conn.execute(erase_sql.WORDS, names)
        for table in _column(conn, erase_sql.OTHER_TABLES_OF_OPS):
            # wherever a row names the user: cursors, gaps, quarantine, alerts, and what comes to be
            statement = f"DELETE FROM {table} AS t WHERE t::text LIKE %s"  # noqa: S608 - the catalogue's names
            receipt.removed[table] += conn.execute(statement.encode(), [f"%{receipt.user_hash}%"]).rowcount
        if dry_run:
            conn.rollback()
    return ids


def _erase_records(
    conn: psycopg.Connection, receipt: Receipt, names: dict[str, Any]
) -> tuple[list[str], list[str], list[str]]:
    """Remove catalogue records that only the account brought; from the others, its hash."""
    gone = {}
    for kind in ("track", "album", "artist"):
        spec = erase_sql.CATALOGUE[kind]
        gone[kind] = _column(conn, erase_sql.ORPHANS[kind], names)
        for table, statement in erase_sql.delete_records(spec).items():
            receipt.removed[table] += conn.execute(statement.encode(), {"ids": gone[kind]}).rowcount
        for statement in erase_sql.take_out_hash(spec):
            conn.execute(statement.encode(), names)
    return gone["track"], gone["album"], gone["artist"]


def _erase_marts(dbt: ConnectionInfo, receipt: Receipt, ids: _Ids, *, dry_run: bool) -> None:
    """Delete what names the user, or one of the records that went, from every table that dbt has built."""
    with naming_the_server(dbt), connect(dbt, application_name="spotify-pipeline erase") as conn:
        tables = conn.execute(erase_sql.MART_COLUMNS, {"schemas": list(DBT_SCHEMAS)}).fetchall()
        for table, columns in tables:
            conditions = ["t::text LIKE %s"]
            parameters: list[Any] = [f"%{receipt.user_hash}%"]
            for column in columns:
                doomed = ids.of_column(column)
                if doomed:
                    conditions.append(f'"{column}"::text = ANY(%s)')
                    parameters.append(doomed)
            statement = f"DELETE FROM {table} AS t WHERE {' OR '.join(conditions)}"  # noqa: S608 - its names
            receipt.removed[table] += conn.execute(statement.encode(), parameters).rowcount
        if dry_run:
            conn.rollback()


def _column(conn: psycopg.Connection, statement: str, names: dict[str, Any] | None = None) -> list[str]:
    return [row[0] for row in conn.execute(statement.encode(), names)]
