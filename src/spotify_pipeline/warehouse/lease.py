"""Fencing leases: of all attempts at a step only the newest may commit.

A task whose worker or supervisor died can live on as an orphan beside its own retry. Each attempt takes a
fence, one higher than the last; the transaction that writes checks it right before COMMIT and holds the
lease's row until then, so that an orphan either commits before the retry starts or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import LeaseLost, PartitionBusy
from spotify_pipeline.warehouse.connection import connect, naming_the_server

_ACQUIRE: LiteralString = """
INSERT INTO ops.step_lease AS held (step, partition, source, fence, holder, acquired_at)
VALUES (%s, %s, %s, 1, %s, clock_timestamp())
ON CONFLICT (step, partition, source) DO UPDATE
    SET fence = held.fence + 1, holder = excluded.holder, acquired_at = excluded.acquired_at
RETURNING fence
"""


@dataclass(frozen=True)
class Lease:
    """The right to write one step of a partition and source, as long as `fence` is the highest."""

    step: str
    partition: date
    source: str
    fence: int
    holder: str


def acquire(info: ConnectionInfo, step: str, partition: date, source: str, holder: str) -> Lease:
    """Take the lease from whoever holds it, in a transaction of its own.

    Waits while an attempt that has already checked its lease commits.

    Args:
        info: connection of a role that writes ops.
        step: name of the step, for example `load`.
        partition: observation date.
        source: name in sources.yml.
        holder: who takes it, for people to read: run id and try number.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    return acquire_all(info, step, [(partition, source)], holder)[0]


def acquire_all(info: ConnectionInfo, step: str, of: Sequence[tuple[date, str]], holder: str) -> list[Lease]:
    """Take the leases of a step of many partitions and sources, in one transaction; see `acquire`.

    Two that take the same ones wait for each other, since both take them in the order of `of`, sorted.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    taken = []
    with naming_the_server(info), connect(info) as conn:
        for partition, source in sorted(of):
            row = conn.execute(_ACQUIRE, [step, partition, source, holder]).fetchone()
            assert row is not None  # noqa: S101 - the statement inserts or updates exactly one row
            taken.append(Lease(step, partition, source, int(row[0]), holder))
    return taken


def check(conn: psycopg.Connection, lease: Lease) -> None:
    """Make sure that `lease` is the newest, and keep it so until this transaction ends.

    Call it as the last statement before COMMIT.

    Raises:
        LeaseLost: another attempt took it; the transaction must be rolled back.
    """
    row = conn.execute(
        "SELECT fence, holder FROM ops.step_lease WHERE (step, partition, source) = (%s, %s, %s) FOR UPDATE",
        [lease.step, lease.partition, lease.source],
    ).fetchone()
    if row is None or row[0] != lease.fence:
        newer = f"'{row[1]}' took it" if row else "it was removed"
        raise LeaseLost(
            f"'{lease.holder}' lost the lease of {lease.step} for source '{lease.source}' on "
            f"{lease.partition}: {newer}, and this attempt wrote nothing; the task tries again"
        )


def fence_of(info: ConnectionInfo, step: str, partition: date, source: str) -> int:
    """Fence of the newest attempt, taken from nobody; 0 before the first.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(info), connect(info, autocommit=True) as conn:
        return _fence(conn, step, partition, source)


def fences_of(info: ConnectionInfo, step: str, of: Iterable[tuple[date, str]]) -> dict[tuple[date, str], int]:
    """Fences of many partitions and sources; see `fence_of`.

    Raises:
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    with naming_the_server(info), connect(info, autocommit=True) as conn:
        return {(partition, source): _fence(conn, step, partition, source) for partition, source in of}


def check_untouched(conn: psycopg.Connection, step: str, partition: date, source: str, fence: int) -> None:
    """Make sure that nobody took the lease since `fence_of` gave `fence`, and keep it so until COMMIT.

    Raises:
        PartitionBusy: somebody did; the transaction must be rolled back.
    """
    if _fence(conn, step, partition, source, "FOR UPDATE") != fence:
        raise PartitionBusy(
            f"another run has begun to {step} source '{source}' of {partition}, which goes before: "
            "nothing was written; try again when it has ended"
        )


def _fence(
    conn: psycopg.Connection, step: str, partition: date, source: str, locking: LiteralString = ""
) -> int:
    statement: LiteralString = (
        "SELECT fence FROM ops.step_lease WHERE (step, partition, source) = (%s, %s, %s) "
    )
    row = conn.execute(statement + locking, [step, partition, source]).fetchone()
    return int(row[0]) if row else 0
