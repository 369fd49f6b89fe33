"""Erases the rows of one user from staging and ops, and from the tables that dbt built.

Tracks, albums and artists are not personal data, but which of them an account contained is. Records that
only came from the account are deleted. In records that other sources also contain, its hash is replaced;
so it is with playlists that somebody else owns.

`erase_sql` has the statements.
"""
# ruff: noqa: S608 - the names of tables and columns come from erase_sql.py or from Postgres' catalogue

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from spotify_pipeline.warehouse import erase_sql
from spotify_pipeline.warehouse.merge import LOAD_LOCK
from spotify_pipeline.warehouse.roles import DBT_AUDIT, DBT_SCHEMAS


@dataclass(frozen=True)
class ErasedIds:
    """Ids of the records that were deleted, by kind, and the sources that read the account."""

    playlists: list[str]
    tracks: list[str]
    albums: list[str]
    artists: list[str]
    sources: list[str]

    def of_column(self, column: str) -> list[str]:
        """Return the ids to remove from a column of a mart."""
        if column == "source":
            return self.sources
        if column == "record_id":
            return [*self.playlists, *self.tracks, *self.albums, *self.artists]
        for kind in ("playlist", "track", "album", "artist"):
            if column.endswith(f"{kind}_id"):
                return list(getattr(self, f"{kind}s"))
        return []


def account_since(conn: psycopg.Connection, user_hash: str, sources: Collection[str]) -> date | None:
    """Return the first date on which the warehouse has data of an account, None if there is none.

    Args:
        conn: connection of the owner.
        user_hash: the user.
        sources: sources whose objects came from the account.
    """
    row = conn.execute(erase_sql.ACCOUNT_SINCE, {"user": user_hash, "sources": list(sources)}).fetchone()
    found: date | None = row[0] if row else None
    return found


def erase_rows(
    conn: psycopg.Connection, user_hash: str, sources: Collection[str], *, login_kinds: Collection[str]
) -> tuple[Counter[str], ErasedIds]:
    """Delete a user's rows from staging and ops in the transaction of `conn`; no load commits meanwhile.

    Args:
        conn: connection of the owner.
        user_hash: the user.
        sources: sources whose objects came from the account; those that staging names are added.
        login_kinds: kinds of source that need a login.

    Returns:
        Deleted rows by table, and the ids for `erase_marts`.
    """
    removed: Counter[str] = Counter()
    terms: dict[str, Any] = {
        "user": user_hash,
        "from_user": f"%/user={user_hash}/%",
        "login_kinds": list(login_kinds),
    }
    conn.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])
    found = {
        source
        for statement in (erase_sql.OWN_SOURCES, erase_sql.SOURCES_OF_ONLY_USER)
        for source in _column(conn, statement, terms)
    }
    terms["sources"] = sorted(found | set(sources))
    conn.execute(erase_sql.REVOKE_LEASES, terms)
    for name, statement in erase_sql.IDS_TO_DELETE.items():
        terms[name] = _column(conn, statement, terms)
    for table, delete in erase_sql.DELETE_LISTS.items():
        removed[table] += conn.execute(delete, terms).rowcount
    gone = {}
    for kind, spec in erase_sql.CATALOGUE.items():
        gone[kind] = _column(conn, erase_sql.UNREFERENCED[kind], terms)
        for table, statement in erase_sql.delete_records(spec).items():
            removed[table] += conn.execute(statement.encode(), {"ids": gone[kind]}).rowcount
    for statement in erase_sql.remove_hash():
        conn.execute(statement.encode(), terms)
    for table, delete in erase_sql.DELETE_CRAWL_STATE.items():
        parameters = {"sources": terms["sources"], "gone": gone["track"]}
        removed[table] += conn.execute(delete, parameters).rowcount
    for table, delete in erase_sql.DELETE_COUNTS.items():
        removed[table] += conn.execute(delete, terms).rowcount
    conn.execute(erase_sql.HIDE_HASH_IN_MESSAGES, terms)
    conn.execute(erase_sql.RECORD_REMOVAL)
    for table in erase_sql.TABLES_WITH_HASH:
        schema, _, name = table.partition(".")
        statement = f'DELETE FROM {schema}."{name}" AS t WHERE t::text LIKE %s'
        removed[table] += conn.execute(statement.encode(), [f"%{user_hash}%"]).rowcount
    return removed, ErasedIds(
        terms["playlists"], gone["track"], gone["album"], gone["artist"], terms["sources"]
    )


def erase_marts(conn: psycopg.Connection, user_hash: str, ids: ErasedIds) -> Counter[str]:
    """Delete the rows that name the user or a deleted record from every table that dbt built.

    All stored failures of tests are deleted: the names of their columns do not show what they contain, and
    the next run of the tests writes them again.

    Args:
        conn: connection of dbt's role, the owner of those tables.
        user_hash: the user.
        ids: the ids that `erase_rows` deleted.

    Returns:
        Deleted rows by table.
    """
    removed: Counter[str] = Counter()
    for table, columns in conn.execute(erase_sql.MART_COLUMNS, {"schemas": list(DBT_SCHEMAS)}).fetchall():
        if table.startswith(f"{DBT_AUDIT}."):
            removed[table] += conn.execute(f"DELETE FROM {table}".encode()).rowcount
            continue
        conditions = ["t::text LIKE %s"]
        parameters: list[Any] = [f"%{user_hash}%"]
        for column in columns:
            deleted = ids.of_column(column)
            if deleted:
                conditions.append(f'"{column}"::text = ANY(%s)')
                parameters.append(deleted)
        statement = f"DELETE FROM {table} AS t WHERE {' OR '.join(conditions)}"
        removed[table] += conn.execute(statement.encode(), parameters).rowcount
    return removed


def _column(conn: psycopg.Connection, statement: str, terms: dict[str, Any] | None = None) -> list[str]:
    return [row[0] for row in conn.execute(statement.encode(), terms)]
