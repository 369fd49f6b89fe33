"""Tests of the pace and the budget of calls that tasks share through the warehouse."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from spotify_pipeline.buckets import TOTAL
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import CallBudgetSpent, WarehouseUnavailable
from spotify_pipeline.warehouse.pacing import WarehouseBudget, WarehousePacer
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration
BUCKET = "GET /albums/{id}"


def most_in_a_window(moments: list[float], window: float) -> int:
    ordered = sorted(moments)
    return max(sum(start <= moment < start + window for moment in ordered) for start in ordered)


def _calls(info: ConnectionInfo, count: int, window: float, each: int) -> list[float]:
    moments = []
    with closing(WarehousePacer(info, "app", count, window)) as pacer:
        for _ in range(each):
            pacer.acquire(BUCKET)
            moments.append(time.time())
    return moments


def test_processes_share_one_pace(ingest: ConnectionInfo) -> None:
    # 10 calls in any second, by three processes that call as fast as they may
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        taken = pool.starmap(_calls, [(ingest, 10, 1.0, 8)] * 3)
    moments = [moment for each in taken for moment in each]
    assert len(moments) == 24
    # one call of tolerance, since a process may be delayed between its call and the reading of the clock
    assert most_in_a_window(moments, 1.0) <= 11
    # at least 2 calls at once and then 9 per second, so that the limit is used
    assert max(moments) - min(moments) < 22 / 9 + 1.5


def test_accounts_have_separate_paces(ingest: ConnectionInfo) -> None:
    slept: list[float] = []
    for account in ("one", "other"):
        with closing(WarehousePacer(ingest, account, 1, 60, sleep=slept.append)) as pacer:
            pacer.acquire(BUCKET)
    assert slept == []


def test_each_call_reserves_the_next_free_time(ingest: ConnectionInfo) -> None:
    slept: list[float] = []
    with closing(WarehousePacer(ingest, "app", 2, 60, sleep=slept.append)) as pacer:
        for _ in range(3):
            pacer.acquire(BUCKET)
    # the first call may go at once, and then one every 30 seconds
    assert slept == [pytest.approx(30, abs=5), pytest.approx(60, abs=5)]


def test_a_pause_delays_every_task(ingest: ConnectionInfo) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    with (
        closing(WarehousePacer(ingest, "app", 1000)) as paused,
        closing(WarehousePacer(ingest, "app", 1000, sleep=sleep)) as other,
    ):
        paused.pause(0.5)
        other.acquire(BUCKET)
        assert sum(slept) == pytest.approx(0.5, abs=0.3)
        slept.clear()
        other.acquire(BUCKET)
        assert slept == []


def test_the_tasks_of_a_run_share_one_budget(ingest: ConnectionInfo) -> None:
    def spend(number: int) -> int:
        limits = {BUCKET: 5, TOTAL: 12}
        with closing(WarehouseBudget(ingest, "app", "run", limits)) as budget:
            done = 0
            for _ in range(5):
                try:
                    budget.spend(BUCKET if number % 2 else "GET /artists/{id}")
                except CallBudgetSpent:
                    break
                done += 1
            return done

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(spend, range(4)))
    assert sum(done[1::2]) <= 5
    assert sum(done) == 12
    with closing(WarehouseBudget(ingest, "app", "another run", {TOTAL: 1})) as budget:
        budget.spend(BUCKET)
        with pytest.raises(CallBudgetSpent, match="budget of 1 calls in all is spent") as error:
            budget.spend(BUCKET)
        assert error.value.bucket == TOTAL


def test_a_budget_of_zero_allows_no_call(ingest: ConnectionInfo, warehouse: Warehouse) -> None:
    with (
        closing(WarehouseBudget(ingest, "app", "run", {BUCKET: 0})) as budget,
        pytest.raises(CallBudgetSpent, match="calls to GET /albums/{id} is spent"),
    ):
        budget.spend(BUCKET)
    assert warehouse.rows("SELECT * FROM ops.api_calls") == []


def test_without_the_warehouse_no_call_is_made(ingest: ConnectionInfo) -> None:
    unreachable = replace(ingest, port=1)
    with closing(WarehousePacer(unreachable, "app", 5)) as pacer, pytest.raises(WarehouseUnavailable):
        pacer.acquire(BUCKET)
