"""Reads the current tables of `staging`: tracks, albums, artists and playlists."""

from __future__ import annotations

from collections.abc import Collection

import psycopg

from spotify_pipeline.warehouse.table_specs import SPECS


def known_ids(conn: psycopg.Connection, kind: str, ids: Collection[str]) -> set[str]:
    """Return the ids of records of a kind that staging has; none for a kind without a table."""
    if kind not in SPECS:
        return set()
    spec = SPECS[kind]
    statement = f"SELECT {spec.key} FROM {spec.table} WHERE {spec.key} = ANY(%s)"  # noqa: S608 - constants
    return {row[0] for row in conn.execute(statement.encode(), [list(ids)])}
