"""Advisory locks in the warehouse, which tasks on all machines share.

A lock belongs to a session, so it is released when its holder is killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.warehouse.connection import connect

_SPARK_LOCK = 0x5350_4F54_0005
# longer than any refresh of a token, its retries included
_WAIT_SECONDS = 120


@contextmanager
def named_lock(info: ConnectionInfo, name: str) -> Iterator[None]:
    """Hold the lock `name` until the end of the block; wait for another holder.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached, or another holder keeps the lock for minutes.
    """
    with connect(info, autocommit=True, lock_timeout=_WAIT_SECONDS) as conn:
        conn.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        yield


@contextmanager
def spark_lock(info: ConnectionInfo) -> Iterator[bool]:
    """Try to hold the lock of the Spark engine until the end of the block.

    Only one span is replayed at a time: each starts its own Spark, which needs memory, and the warehouse
    would merge them one after the other anyway.

    Yields:
        Whether the lock is held; False if another replay holds it.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with connect(info, application_name="spotify-pipeline lock of Spark", autocommit=True) as conn:
        row = conn.execute("SELECT pg_try_advisory_lock(%s)", [_SPARK_LOCK]).fetchone()
        yield bool(row and row[0])
