"""Spans follow each other: each has a Spark of its own, which takes memory, and one merge goes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse.connection import connect, naming_the_server

_TURN = 0x5350_4F54_0005


@contextmanager
def turn(warehouse: ConnectionInfo) -> Iterator[bool]:
    """Take the turn among all that replay with Spark, until the end of the block; False: another has it.

    It belongs to a session of the warehouse, so it is free again when its holder was killed.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with (
        naming_the_server(warehouse),
        connect(warehouse, application_name="spotify-pipeline turn of Spark", autocommit=True) as conn,
    ):
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", [_TURN]).fetchone()
        yield bool(row and row[0])
