"""Tests that a task's rows are in landing once after several attempts, and that closed batches get none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date

import psycopg
import pytest

from spotify_pipeline.errors import LeaseLost, RowRefused
from spotify_pipeline.warehouse import landing, roles
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.landing import SOURCE_RECORDS, LandingRow
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration
DAY = date(2026, 11, 5)
COUNT = "SELECT count(*) FROM landing.source_records"


@contextmanager
def driver(warehouse: Warehouse) -> Iterator[tuple[psycopg.Connection, int]]:
    with connect(warehouse.info(), autocommit=True) as conn:
        yield conn, landing.open_batch(conn, "test")


def rows(*keys: str, kind: str = "track") -> list[LandingRow]:
    return [LandingRow(SOURCE_RECORDS, 1, ["one", kind, key, DAY, DAY]) for key in keys]


def write(warehouse: Warehouse, batch: int, landed: Iterable[LandingRow], task: int = 0) -> dict[str, int]:
    return landing.write_task(warehouse.info(), batch, task, [SOURCE_RECORDS], landed)


def test_a_second_attempt_of_a_task_replaces_only_the_first(warehouse: Warehouse) -> None:
    with driver(warehouse) as (_, batch):
        assert write(warehouse, batch, rows("a", "b")) == {SOURCE_RECORDS: 2}
        write(warehouse, batch, rows("c"), task=1)
        assert write(warehouse, batch, rows("a", "b")) == {SOURCE_RECORDS: 2}
        assert warehouse.rows("SELECT task, record_id FROM landing.source_records ORDER BY 1, 2") == [
            (0, "a"), (0, "b"), (1, "c"),
        ]  # fmt: skip


def test_two_concurrent_attempts_write_the_rows_once(warehouse: Warehouse) -> None:
    """Spark may run a second attempt of a slow task at the same time."""
    with driver(warehouse) as (_, batch), ThreadPoolExecutor(1) as pool:
        second = []

        def slow_rows() -> Iterator[LandingRow]:
            yield from rows("a")
            second.append(pool.submit(write, warehouse, batch, rows("a", "b")))
            warehouse.wait_until_blocked()
            yield from rows("b")

        write(warehouse, batch, slow_rows())
        second[0].result(timeout=60)
        assert warehouse.row(COUNT) == (2,)


def test_a_failed_attempt_writes_no_rows(warehouse: Warehouse) -> None:
    with driver(warehouse) as (_, batch):
        with pytest.raises(RowRefused, match="source_records one"):
            write(warehouse, batch, [*rows("a"), *rows("b", kind="podcast")])
        assert warehouse.row(COUNT) == (0,)


def test_a_closed_batch_gets_no_more_rows(warehouse: Warehouse) -> None:
    with driver(warehouse) as (conn, batch):
        write(warehouse, batch, rows("a"))
        landing.close_batch(conn, batch)
        with pytest.raises(LeaseLost, match=f"batch {batch} of a replay was closed"):
            write(warehouse, batch, rows("a"))
        assert warehouse.row(COUNT) == (0,)


def test_closing_waits_for_a_writing_task_and_deletes_its_rows(warehouse: Warehouse) -> None:
    with driver(warehouse) as (conn, batch), ThreadPoolExecutor(1) as pool:
        closing = []

        def slow_rows() -> Iterator[LandingRow]:
            closing.append(pool.submit(landing.close_batch, conn, batch))
            warehouse.wait_until_blocked()
            yield from rows("a")

        assert write(warehouse, batch, slow_rows()) == {SOURCE_RECORDS: 1}
        closing[0].result(timeout=60)
        assert warehouse.row(COUNT) == (0,)


def test_only_batches_of_lost_drivers_are_removed(
    warehouse: Warehouse,
) -> None:
    with driver(warehouse) as (_, alive):
        with driver(warehouse) as (_, dead):
            write(warehouse, dead, rows("a"))
        write(warehouse, alive, rows("b"))
        with driver(warehouse) as (_, batch):
            assert warehouse.rows("SELECT batch FROM landing.batch ORDER BY 1") == [(alive,), (batch,)]
            assert warehouse.rows("SELECT record_id FROM landing.source_records") == [("b",)]
    # maintenance runs as the owner
    with connect(warehouse.info(roles.OWNER), autocommit=True) as conn:
        assert landing.remove_dead_batches(conn) == 2
    assert warehouse.row(COUNT) == (0,)
