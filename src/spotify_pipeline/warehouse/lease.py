"""Fencing leases: of all attempts at a stage, only the newest can commit.

A task whose worker or supervisor died can continue as an orphan while its retry runs. Each attempt takes a
fence that is one higher than the last. The transaction that writes checks it right before COMMIT and locks
the lease's row until then, so that an orphan commits before the retry starts, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import LeaseLost, PartitionBusy
from spotify_pipeline.warehouse.connection import connect

_ACQUIRE: LiteralString = """
INSERT INTO ops.step_lease AS held (step, partition, source, fence, holder, acquired_at)
VALUES (%s, %s, %s, 1, %s, clock_timestamp())
ON CONFLICT (step, partition, source) DO UPDATE
    SET fence = held.fence + 1, holder = excluded.holder, acquired_at = excluded.acquired_at
RETURNING fence
"""


@dataclass(frozen=True)
class Lease:
    """The right to write one stage of a partition and source while `fence` is the highest."""

    stage: str
    partition: date
    source: str
    fence: int
    holder: str


def acquire(info: ConnectionInfo, stage: str, partition: date, source: str, holder: str) -> Lease:
    """Take the lease from its current holder, in a separate transaction.

    It waits for the COMMIT of an attempt that has already checked its lease.

    Args:
        info: connection of a role that writes ops.
        stage: name of the stage, for example `load`.
        partition: observation date.
        source: name in sources.yml.
        holder: run id and try number, for messages.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    return acquire_all(info, stage, [(partition, source)], holder)[0]


def acquire_all(info: ConnectionInfo, stage: str, of: Sequence[tuple[date, str]], holder: str) -> list[Lease]:
    """Take the leases of a stage of many partitions and sources, in one transaction; see `acquire`.

    Leases are taken in sorted order, so that two callers cannot deadlock.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    taken = []
    with connect(info) as conn:
        for partition, source in sorted(of):
            row = conn.execute(_ACQUIRE, [stage, partition, source, holder]).fetchone()
            assert row is not None  # noqa: S101 - the statement inserts or updates exactly one row
            taken.append(Lease(stage, partition, source, int(row[0]), holder))
    return taken


def check(conn: psycopg.Connection, lease: Lease) -> None:
    """Check that `lease` is the newest, and lock it until this transaction ends.

    Call it as the last statement before COMMIT.

    Raises:
        LeaseLost: another attempt took it; the transaction must be rolled back.
    """
    row = conn.execute(
        "SELECT fence, holder FROM ops.step_lease WHERE (step, partition, source) = (%s, %s, %s) FOR UPDATE",
        [lease.stage, lease.partition, lease.source],
    ).fetchone()
    if row is None or row[0] != lease.fence:
        newer = f"'{row[1]}' took it" if row else "it was removed"
        raise LeaseLost(
            f"'{lease.holder}' lost the lease of {lease.stage} for source '{lease.source}' on "
            f"{lease.partition}: {newer}, and this attempt wrote nothing; the task tries again"
        )


def fence_of(info: ConnectionInfo, stage: str, partition: date, source: str) -> int:
    """Return the fence of the newest attempt without taking the lease; 0 before the first.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with connect(info, autocommit=True) as conn:
        return _fence(conn, stage, partition, source)


def fences_of(
    info: ConnectionInfo, stage: str, of: Iterable[tuple[date, str]]
) -> dict[tuple[date, str], int]:
    """Return the fences of many partitions and sources; see `fence_of`.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with connect(info, autocommit=True) as conn:
        return {(partition, source): _fence(conn, stage, partition, source) for partition, source in of}


def check_untouched(conn: psycopg.Connection, stage: str, partition: date, source: str, fence: int) -> None:
    """Check that no attempt took the lease since `fence_of` returned `fence`, and lock it until COMMIT.

    Raises:
        PartitionBusy: one did; the transaction must be rolled back.
    """
    if _fence(conn, stage, partition, source, "FOR UPDATE") != fence:
        raise PartitionBusy(
            f"another run has begun to {stage} source '{source}' of {partition}, which takes precedence: "
            "nothing was written; try again when it has ended"
        )


def _fence(
    conn: psycopg.Connection, stage: str, partition: date, source: str, locking: LiteralString = ""
) -> int:
    statement: LiteralString = (
        "SELECT fence FROM ops.step_lease WHERE (step, partition, source) = (%s, %s, %s) "
    )
    row = conn.execute(statement + locking, [stage, partition, source]).fetchone()
    return int(row[0]) if row else 0
