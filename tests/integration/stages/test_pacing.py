"""The pace and the budget that tasks share through the warehouse."""

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
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.warehouse.pacing import WarehouseBudget, WarehousePacer
from tests.integration.stages.conftest import World

pytestmark = pytest.mark.integration
BUCKET = "GET /albums/{id}"


@pytest.fixture
def warehouse(world: World) -> ConnectionInfo:
    return world.runtime.ingest


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


def test_processes_keep_one_pace_together(warehouse: ConnectionInfo) -> None:
    # 10 calls in any second, by three processes that would each go as fast as they can
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        taken = pool.starmap(_calls, [(warehouse, 10, 1.0, 8)] * 3)
    moments = [moment for each in taken for moment in each]
    assert len(moments) == 24
    # a process may be held up between its turn and the clock's reading: one call of slack
    assert most_in_a_window(moments, 1.0) <= 11
    # 2 at once and then 9 a second: slower would waste the limit
    assert max(moments) - min(moments) < 22 / 9 + 1.5


def test_accounts_do_not_hold_each_other_up(warehouse: ConnectionInfo) -> None:
    slept: list[float] = []
    for account in ("one", "other"):
        with closing(WarehousePacer(warehouse, account, 1, 60, sleep=slept.append)) as pacer:
            pacer.acquire(BUCKET)
    assert slept == []


def test_a_turn_that_nobody_takes_is_not_waited_for_twice(warehouse: ConnectionInfo) -> None:
    slept: list[float] = []
    with closing(WarehousePacer(warehouse, "app", 2, 60, sleep=slept.append)) as pacer:
        for _ in range(3):
            pacer.acquire(BUCKET)
    # one may go at once, and one each half minute after that
    assert slept == [pytest.approx(30, abs=5), pytest.approx(60, abs=5)]


def test_a_pause_holds_every_task(warehouse: ConnectionInfo) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    with (
        closing(WarehousePacer(warehouse, "app", 1000)) as told,
        closing(WarehousePacer(warehouse, "app", 1000, sleep=sleep)) as other,
    ):
        told.pause(0.5)
        other.acquire(BUCKET)
        assert sum(slept) == pytest.approx(0.5, abs=0.3)
        slept.clear()
        other.acquire(BUCKET)
        assert slept == []


def test_a_budget_is_one_for_all_tasks_of_a_run(warehouse: ConnectionInfo) -> None:
    def spend(number: int) -> int:
        limits = {BUCKET: 5, TOTAL: 12}
        with closing(WarehouseBudget(warehouse, "app", "run", limits)) as budget:
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
    with closing(WarehouseBudget(warehouse, "app", "another run", {TOTAL: 1})) as budget:
        budget.spend(BUCKET)
        with pytest.raises(CallBudgetSpent, match="budget of 1 calls in all is spent") as error:
            budget.spend(BUCKET)
        assert error.value.bucket == TOTAL


def test_a_budget_of_nothing_lets_nothing_through(warehouse: ConnectionInfo, world: World) -> None:
    with (
        closing(WarehouseBudget(warehouse, "app", "run", {BUCKET: 0})) as budget,
        pytest.raises(CallBudgetSpent, match="calls to GET /albums/{id} is spent"),
    ):
        budget.spend(BUCKET)
    assert world.query("SELECT * FROM ops.api_calls") == []


def test_without_the_warehouse_nobody_calls(warehouse: ConnectionInfo) -> None:
    unreachable = replace(warehouse, port=1)
    with closing(WarehousePacer(unreachable, "app", 5)) as pacer, pytest.raises(WarehouseUnavailable):
        pacer.acquire(BUCKET)


def test_a_spent_budget_closes_the_source_as_partial_and_the_next_run_goes_on(world: World) -> None:
    def fetch(run_id: str) -> tuple[bool, int, str | None]:
        settings = Settings(sources=world.sources_file, call_budget={"total": 40, BUCKET: 10})
        runtime = Runtime(settings=settings, lookup=world.runtime.lookup, attempt=Attempt(run_id))
        outcome = replace(world, runtime=runtime).fetch("first")
        return outcome.complete, outcome.calls, outcome.message

    complete, calls, message = fetch("one")
    assert not complete
    assert message == (
        "this run's budget of 10 calls to GET /albums/{id} is spent: the next partition goes on, or raise "
        "SPOTIFY_PIPELINE_CALL_BUDGET"
    )
    assert world.query("SELECT bucket, calls FROM ops.api_calls ORDER BY bucket") == [
        (BUCKET, 10),
        (TOTAL, calls),
    ]
    # the budget is the run's, so another attempt of it makes no call
    assert fetch("one") == (False, 0, message)
    world.sandbox.control.reset_calls()
    runs = 1
    while not fetch(f"run {runs}")[0]:
        runs += 1
        assert runs < 20
    # what one run has stored, the next one does not ask for
    albums = [key for key in world.objects("raw") if "/album-" in key]
    assert world.sandbox.control.calls().by_bucket["/v1/albums/{id}"] == len(albums) - 10
    assert runs == -(-(len(albums) - 10) // 10)
