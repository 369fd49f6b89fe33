"""Loads many partitions and sources in one transaction, from landed rows that are folded over all of them.

`merge_sql` decides which row wins, as in the load of one source. Each load has its own load_seq, in the order
of the loads, and a written row gets that of the last load with its id. Therefore each row is counted once,
and the counts of ops.load add up to the rows that were written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg

from spotify_pipeline.errors import PipelineError, RowRefused, WarehouseUnavailable
from spotify_pipeline.warehouse import detail_queue, landing, merge_sql
from spotify_pipeline.warehouse import lease as leases
from spotify_pipeline.warehouse.lease import Lease
from spotify_pipeline.warehouse.load_log import LoadRecord, record_load
from spotify_pipeline.warehouse.merge import LOAD_LOCK, failing_key, refusal, run_merge
from spotify_pipeline.warehouse.quarantine import Refusal, record_quarantined, resolve_quarantined
from spotify_pipeline.warehouse.revisions import require_current
from spotify_pipeline.warehouse.table_specs import SPECS, TableSpec


@dataclass(frozen=True)
class SpanLoad:
    """One partition and source of a span; see `load_partition`. `ids` counts its ids, including stubs."""

    partition: date
    source: str
    ids: int
    lease: Lease
    complete: bool
    quarantined: Sequence[Refusal]
    before_commit: Callable[[psycopg.Connection, int], None]


class LoadsRefused(Exception):
    """Some loads of a span are refused, so none was made; `reasons` are by index."""

    def __init__(self, reasons: Mapping[int, PipelineError]) -> None:
        super().__init__(f"{len(reasons)} loads of a span were refused")
        self.reasons = reasons


def load_span(
    conn: psycopg.Connection,
    batch: int,
    landed: Mapping[str, int],
    loads: Sequence[SpanLoad],
    *,
    run_id: str,
    try_number: int,
    started_at: datetime,
) -> list[int]:
    """Merge the rows of a batch and record each load, all in one transaction; return their load_seqs.

    Args:
        conn: in autocommit; the session that opened the batch.
        batch: its rows name their load by the index in `loads`, from 1.
        landed: number of rows that the tasks have written, by landing table.
        loads: in the order of partitions and sources.
        run_id: of the run, for the log.
        try_number: of the task, for the log.
        started_at: when the span was begun, for the log.

    Raises:
        LoadsRefused: for some loads, an ingest began meanwhile, a newer attempt took the lease, or the user
            was erased; the span can be loaded without them.
        RowRefused: a value breaks a constraint of its table; the message names the record.
        WarehouseUnavailable: landed rows are missing, as after a crash of the server; it can be run again.
        SchemaVersionError: the warehouse does not have this code's tables.
    """
    with conn.transaction():
        require_current(conn)
        _take(conn, batch, landed)
        conn.execute("SET LOCAL work_mem TO '128MB'")
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])
        drawn = "SELECT nextval('ops.load_seq_seq') FROM generate_series(1, %s)"
        load_seqs = sorted(row[0] for row in conn.execute(drawn, [len(loads)]))
        inserted, updated = _merge(conn, batch, landed, load_seqs)
        detail_queue.enqueue(conn, load_seqs)
        refused: dict[int, PipelineError] = {}
        for place, (load, load_seq) in enumerate(zip(loads, load_seqs, strict=True)):
            record = LoadRecord(
                load_seq=load_seq,
                partition=load.partition,
                source=load.source,
                started_at=started_at,
                inserted=inserted[load_seq],
                updated=updated[load_seq],
                unchanged=load.ids - inserted[load_seq] - updated[load_seq],
                complete=load.complete,
                run_id=run_id,
                try_number=try_number,
            )
            try:
                _note(conn, load, record)
            except PipelineError as error:  # not raised by Postgres, so the transaction can continue
                refused[place] = error
        for place, load in enumerate(loads):
            try:
                leases.check(conn, load.lease)
            except PipelineError as error:
                refused.setdefault(place, error)
        if refused:
            raise LoadsRefused(refused)
    return load_seqs


def _take(conn: psycopg.Connection, batch: int, landed: Mapping[str, int]) -> None:
    found = {kind: landing.create_folded(conn, spec, batch) for kind, spec in SPECS.items()}
    records = f"SELECT count(*) FROM ({landing.landed_source_records(batch)}) AS landed"  # noqa: S608 - a number
    row = conn.execute(records.encode()).fetchone()
    found[landing.SOURCE_RECORDS] = row[0] if row else 0
    for table, count in found.items():
        if count != landed.get(table, 0):
            raise WarehouseUnavailable(
                f"{landed.get(table, 0)} rows were written to {landing.name_of(table)}, but {count} exist: "
                "Postgres was restarted after a crash; the replay can be run again"
            )


def _merge(
    conn: psycopg.Connection, batch: int, landed: Mapping[str, int], load_seqs: Sequence[int]
) -> tuple[Counter[int], Counter[int]]:
    """Merge all kinds, and return the inserted and updated rows of the current tables by load_seq."""
    inserted: Counter[int] = Counter()
    updated: Counter[int] = Counter()
    parameters = {"load_seqs": list(load_seqs)}
    for spec in SPECS.values():
        if landed.get(spec.kind):
            for load_seq, (new, changed) in _merge_kind(conn, spec, parameters).items():
                inserted[load_seq] += new
                updated[load_seq] += changed
    if landed.get(landing.SOURCE_RECORDS):
        statement = merge_sql.merge_source_records(landing.landed_source_records(batch))
        conn.execute(statement.encode(), parameters)
    return inserted, updated


def _merge_kind(
    conn: psycopg.Connection, spec: TableSpec, parameters: dict[str, list[int]]
) -> dict[int, tuple[int, int]]:
    try:
        run_merge(conn, merge_sql.merge_observations(spec), parameters)
        return run_merge(conn, merge_sql.merge_current(spec), parameters)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise RowRefused(refusal(f"{spec.kind} {failing_key(error)}", error)) from None


def _note(conn: psycopg.Connection, load: SpanLoad, record: LoadRecord) -> None:
    record_load(conn, record)
    record_quarantined(conn, load.quarantined)
    resolve_quarantined(conn, load.source, load.partition, load.quarantined)
    load.before_commit(conn, record.load_seq)
