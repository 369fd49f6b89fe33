"""Helpers that the tests of retention, erasure and restore share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import psycopg

from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.checksum import TableChecksum
from spotify_pipeline.warehouse.connection import connect
from tests.integration.pipeline import DAY, Pipeline

NEXT_DAY = DAY + timedelta(days=1)
Dbt = Callable[..., dict[str, TableChecksum]]


def no_logins(_user: str, _dry_run: bool) -> dict[str, int]:
    return {}


def rows_with(url: str, text: str) -> dict[str, int]:
    """Return the number of rows that contain a text, by table, over the whole database."""
    with psycopg.connect(url) as conn:
        tables = conn.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        found = {}
        for (table,) in tables:
            row = conn.execute(
                f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s".encode(), [f"%{text}%"]
            ).fetchone()
            assert row is not None
            if row[0]:
                found[table] = row[0]
        return found


def with_old_leases(pipeline: Pipeline, **settings: int) -> Pipeline:
    """Return the pipeline with other settings, and make its leases two days old."""
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        conn.execute("UPDATE ops.step_lease SET acquired_at = acquired_at - interval '2 days'")
    fields = pipeline.runtime.settings.model_dump() | settings
    runtime = Runtime(
        settings=Settings.model_construct(**fields),
        lookup=pipeline.runtime.lookup,
        attempt=pipeline.runtime.attempt,
    )
    return replace(pipeline, runtime=runtime)
