"""Loads one source and partition in one transaction, from the first row to the log entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

import psycopg

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.warehouse import lease as leases
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.lease import Lease
from spotify_pipeline.warehouse.load_log import LoadRecord, record_load
from spotify_pipeline.warehouse.merge import Merge, MergeOutcome
from spotify_pipeline.warehouse.quarantine import Refusal, record_quarantined, resolve_quarantined
from spotify_pipeline.warehouse.revisions import require_current
from spotify_pipeline.warehouse.table_specs import SPECS


def load_partition(
    info: ConnectionInfo,
    partition: date,
    source: str,
    observations: Iterable[Observation],
    *,
    lease: Lease,
    run_id: str,
    try_number: int,
    complete: bool = True,
    quarantined: Iterable[Refusal] = (),
    before_commit: Callable[[psycopg.Connection, int], None] | None = None,
) -> MergeOutcome:
    """Load a source's records of a partition: all of them, or none.

    Rows are copied without a lock; the merges and commits of all loads run one after the other. A load can be
    repeated safely at any point, also if the response to COMMIT was lost.

    Args:
        info: connection `warehouse_ingest`.
        partition: observation date, for the log; each row is stored under the date of its own response.
        source: name in sources.yml.
        observations: observations of records, including stubs, as a stream.
        lease: taken by this attempt with `lease.acquire`.
        run_id: of the run, for the log.
        try_number: of the task, for the log.
        complete: False when the source was not fetched to its end.
        quarantined: all records quarantined in this partition, stored in the same transaction; records that
            only an earlier load quarantined are marked as resolved.
        before_commit: called in the same transaction with its load_seq, right before the lease is checked.

    Raises:
        LeaseLost: a newer attempt took the lease.
        RowRefused: Postgres refuses a record; the message names it.
        SchemaVersionError: the warehouse does not have this code's tables.
        WarehouseUnavailable: it cannot be reached, or the connection was lost.
    """
    started_at = datetime.now(UTC)
    with connect(info, application_name=f"spotify-pipeline load {source}") as conn:
        require_current(conn)
        merge = Merge(conn, source)
        merge.add(observations)
        outcome = merge.finish()
        current = [outcome.tables[spec.table] for spec in SPECS.values()]
        record_load(
            conn,
            LoadRecord(
                load_seq=outcome.load_seq,
                partition=partition,
                source=source,
                started_at=started_at,
                inserted=sum(counts.inserted for counts in current),
                updated=sum(counts.updated for counts in current),
                unchanged=sum(counts.unchanged + counts.superseded for counts in current),
                complete=complete,
                run_id=run_id,
                try_number=try_number,
            ),
        )
        refused = list(quarantined)
        record_quarantined(conn, refused)
        resolve_quarantined(conn, source, partition, refused)
        if before_commit is not None:
            before_commit(conn, outcome.load_seq)
        leases.check(conn, lease)
    return outcome
