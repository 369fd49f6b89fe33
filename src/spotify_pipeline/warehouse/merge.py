"""Bulk upsert: copies observations to temporary tables, then merges each table with one statement.

Within a field group, the greatest (observed_at, full before simplified, raw key) wins. This is a total order
over all observations, so the tables end up the same if loads come in another order, are repeated or split. A
newer observation of equal values updates the group's order columns, so that a later load of an observation in
between loses. An observation that is already stored writes nothing, not even a row version.

The statements are in `merge_sql`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.errors import RowRefused
from spotify_pipeline.warehouse import merge_sql
from spotify_pipeline.warehouse.table_specs import SPECS, TableSpec

BATCH = 5_000
# every load that writes staging holds it from before the first merge to its commit
LOAD_LOCK = 0x5350_4F54_0003


@dataclass(frozen=True)
class MergeCounts:
    """Counts of the rows of one table by outcome; `superseded` rows are older than the stored ones."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0


@dataclass(frozen=True)
class MergeOutcome:
    """Counts of a load by table (`staging.tracks`, …), and by record kind without stubs (`track`, …)."""

    load_seq: int
    tables: dict[str, MergeCounts] = field(default_factory=dict)
    kinds: dict[str, KindCounts] = field(default_factory=dict)


class Merge:
    """One load into staging, within the transaction that `conn` is in.

    `add` copies observations as they come; `finish` merges them. The lock that keeps load numbers in commit
    order is taken only in `finish`, so several loads can stream at once.
    """

    def __init__(self, conn: psycopg.Connection, source: str) -> None:
        self._conn = conn
        self._source = source
        self._buffers: dict[str, list[tuple[Observation, list[Any]]]] = {kind: [] for kind in SPECS}
        self._position = 0
        for spec in SPECS.values():
            conn.execute(merge_sql.create_incoming(spec))

    def add(self, observations: Iterable[Observation]) -> None:
        """Copy observations to the server, with at most `BATCH` of a kind in memory.

        Of two observations of one record in one raw object, the later one wins.

        Raises:
            RowRefused: Postgres cannot take a value; the message names the record.
            ValueError: an observation does not fit its table.
        """
        for observation in observations:
            self._position += 1
            buffer = self._buffers[observation.kind]
            buffer.append((observation, self._row(observation)))
            if len(buffer) >= BATCH:
                self._flush(SPECS[observation.kind])

    def finish(self) -> MergeOutcome:
        """Draw the load_seq and merge all tables; the caller commits.

        Raises:
            RowRefused: a value breaks a constraint of its table; the message names the record.
        """
        for spec in SPECS.values():
            self._flush(spec)
            self._conn.execute(f"ANALYZE {merge_sql.incoming(spec)} ({spec.key})")
        self._conn.execute("SET LOCAL work_mem TO '128MB'")
        self._conn.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])
        outcome = MergeOutcome(_fetch_one(self._conn, "SELECT nextval('ops.load_seq_seq')")[0])
        for spec in SPECS.values():
            self._merge(spec, outcome)
        return outcome

    def _merge(self, spec: TableSpec, outcome: MergeOutcome) -> None:
        parameters = {
            "load_seq": outcome.load_seq,
            "load_seqs": [outcome.load_seq],
            "source": self._source,
        }
        observed, loaded, keys, came = _fetch_one(self._conn, merge_sql.count_incoming(spec))
        outcome.kinds[spec.kind] = loaded_counts(observed, loaded)
        if not keys:
            outcome.tables[spec.table] = outcome.tables[spec.observations] = MergeCounts()
            return
        try:
            self._conn.execute(merge_sql.fold_by_date(spec, distinct=came == keys))
            rows = _fetch_one(self._conn, merge_sql.count_folded(spec))[0]
            inserted, updated = self._run_merge(merge_sql.merge_observations(spec), parameters)
            outcome.tables[spec.observations] = MergeCounts(inserted, updated, rows - inserted - updated)
            inserted, updated = self._run_merge(
                merge_sql.merge_current(spec, distinct=rows == keys), parameters
            )
            left = keys - inserted - updated
            count = merge_sql.count_superseded(spec)
            superseded = _fetch_one(self._conn, count, parameters)[0] if left else 0
            outcome.tables[spec.table] = MergeCounts(inserted, updated, left - superseded, superseded)
            # the detail queue is no source of sources.yml, so its records are members of none
            if not self._source.startswith("_"):
                records = merge_sql.source_records(spec)
                self._conn.execute(merge_sql.merge_source_records(records), parameters)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise RowRefused(refusal(f"{spec.kind} {failing_key(error)}", error)) from None

    def _run_merge(self, statement: str, parameters: dict[str, Any]) -> tuple[int, int]:
        return run_merge(self._conn, statement, parameters).get(parameters["load_seq"], (0, 0))

    def _row(self, observation: Observation) -> list[Any]:
        if observation.observed_at.tzinfo is None:
            raise ValueError(f"{observation.where}: observed_at has no time zone")
        return [
            observation.key,
            observation.stub,
            observation.observed_at,
            observation.rank,
            observation.raw_key,
            self._position,
            *SPECS[observation.kind].values(observation),
        ]

    def _flush(self, spec: TableSpec) -> None:
        buffer = self._buffers[spec.kind]
        rows = [row for _, row in buffer]
        copy_rows(self._conn, merge_sql.copy_incoming(spec), rows, lambda index: buffer[index][0].where)
        buffer.clear()


def loaded_counts(observed: int, loaded: int) -> KindCounts:
    """Return the counts of a record kind from its observations, stubs left out, and their distinct keys."""
    return KindCounts(loaded=loaded, duplicates=observed - loaded)


def copy_rows(
    conn: psycopg.Connection, statement: str, rows: Sequence[Sequence[Any]], name: Callable[[int], str]
) -> None:
    """Write rows with COPY; `name` returns the name of the row at an index, for the message.

    Raises:
        RowRefused: Postgres cannot take a value; the message names the record.
    """
    if not rows:
        return
    sent = 0
    try:
        with conn.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
                sent += 1
    except (psycopg.DataError, psycopg.IntegrityError, UnicodeError) as error:
        line = _copy_line(error)
        refused = min(sent if line is None else line - 1, len(rows) - 1)
        raise RowRefused(refusal(name(refused), error)) from None


def run_merge(
    conn: psycopg.Connection, statement: str, parameters: dict[str, Any]
) -> dict[int, tuple[int, int]]:
    """Run a merge, and return (inserted, updated) by load_seq for loads that wrote rows."""
    rows = conn.execute(statement, parameters)
    return {load_seq: (inserted, updated) for load_seq, inserted, updated in rows}


def _fetch_one(conn: psycopg.Connection, statement: str, parameters: dict[str, Any] | None = None) -> Any:
    row = conn.execute(statement, parameters).fetchone()
    assert row is not None  # noqa: S101 - each of these statements aggregates
    return row


def _copy_line(error: BaseException) -> int | None:
    """Return the line of a COPY that the server refused, counted from 1."""
    context = error.diag.context if isinstance(error, psycopg.Error) else None
    match = re.search(r"\bline (\d+)", context or "")
    return int(match[1]) if match else None


def failing_key(error: psycopg.Error) -> str:
    """Return the key of the row that a constraint of its table refused."""
    # "Failing row contains (4uLU6hMCjMI75M1A2tKUQC, …)": the key is the first column of every table here
    match = re.search(r"\(([^,)]*)", error.diag.message_detail or "")
    return match[1] if match else "(unnamed)"


def refusal(what: str, error: BaseException) -> str:
    """Return the message about a record that Postgres refuses."""
    words = (error.diag.message_primary if isinstance(error, psycopg.Error) else None) or str(error)
    return (
        f"Postgres refuses {what} ({words.splitlines()[0]}): tighten the contract so that it is quarantined, "
        "then validate and load again"
    )
