"""The advisory lock of the Spark engine: spans are replayed one at a time.

Each span has a Spark of its own, which takes memory, and the warehouse merges them one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse.connection import connect, naming_the_server

_LOCK = 0x5350_4F54_0005


@contextmanager
def spark_lock(warehouse: ConnectionInfo) -> Iterator[bool]:
    """Try to hold the lock until the end of the block.

    The lock belongs to a session of the warehouse, so it is free again when its holder was killed.

    Yields:
        Whether the lock is held; False where another replay has it.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with (
        naming_the_server(warehouse),
        connect(warehouse, application_name="spotify-pipeline lock of Spark", autocommit=True) as conn,
    ):
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        yield bool(row and row[0])
