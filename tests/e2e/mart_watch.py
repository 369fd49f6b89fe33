"""Reads the marts as spotify_reader during a test, each time with one pinned publication."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from spotify_pipeline import connections

from .conftest import Running

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'marts' ORDER BY 1"
_CONTENT = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM marts.{} AS t"
Seen = dict[datetime, set[tuple[tuple[str, str], ...]]]


@contextmanager
def watched_marts(running: Running) -> Iterator[Seen]:
    """Yield the contents of the marts that a reader saw, by the time of the publication that it pinned."""
    seen: Seen = {}
    stop = threading.Event()
    failures: list[BaseException] = []

    def watch() -> None:
        try:
            with running.warehouse(connections.WAREHOUSE_READER) as connection:
                while not stop.wait(0.5):
                    published_at, contents = _read(connection)
                    seen.setdefault(published_at, set()).add(contents)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert failures == []


def _read(connection: psycopg.Connection) -> tuple[datetime, tuple[tuple[str, str], ...]]:
    with connection.transaction():
        pinned: Any = connection.execute("SELECT published_at FROM ops.pin_publication()").fetchone()
        tables = [row[0] for row in connection.execute(_TABLES)]
        contents = [
            (table, str(connection.execute(_CONTENT.format(table).encode()).fetchone())) for table in tables
        ]
    return pinned[0], tuple(contents)
