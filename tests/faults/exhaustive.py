"""Makes every I/O call of every step fail once in each way: n = 1, 2, 3 and so on, as SQLite is tested.

A step starts from the state that an undisturbed run had before it, and must end in the state that the
undisturbed run had after it, so the steps that follow cannot differ either.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.faults.attempt import Prepare, attempt
from tests.faults.cell import Cell, Moment, run_cell
from tests.faults.driver import Step, operations_after, perform, steps_of
from tests.faults.environment import DAY, DAYS, SOURCES, Environment, Saved
from tests.faults.interpose import Way
from tests.faults.table import Row, merged
from tests.faults.warm import warm_up

_MOST_CALLS = 2_000
Report = Callable[[str], None]


@dataclass(frozen=True)
class Unit:
    """The calls of one step that fail in one way: every `every`-th from `start` on."""

    moment: int
    way: Way
    start: int = 1
    every: int = 1


def warm_up_in(environment: Environment) -> None:
    """Run the steps of a day and the operations in this process, from which attempts are forked."""
    cold = environment.save("cold", {})
    environment.freeze_clock(DAY)
    warm_up(
        [*steps_of(DAY, SOURCES), *operations_after(DAY)],
        lambda step, carried: perform(environment.runtime(), step, carried),
    )
    environment.restore(cold)


def undisturbed(environment: Environment, days: Sequence[Any] = DAYS) -> list[Moment]:
    """Run the days and the operations once without a fault; save the environment before and after each."""
    moments: list[Moment] = []
    saved = environment.save("start", {})
    for day in days:
        environment.freeze_clock(day)
        carried: dict[str, Any] = {}
        for step in [*steps_of(day, SOURCES), *(operations_after(day) if day == days[-1] else [])]:
            if step.task == "retain":
                environment.age_leases()
                saved = environment.save("aged", carried)
            moments.append(_run_undisturbed(environment, step, carried, saved, str(len(moments))))
            saved = moments[-1].after
    return moments


def _run_undisturbed(
    environment: Environment, step: Step, carried: dict[str, Any], before: Saved, label: str
) -> Moment:
    environment.sandbox.control.reset_calls()
    done = attempt(environment, step, carried)
    if not done.is_done:
        raise RuntimeError(f"{step.day} {step} fails without a fault: {done.error}")
    carried[step.key] = done.result
    after = environment.save(label, carried, rows_of=None if step.writes_rows else before)
    api_calls = environment.sandbox.control.calls(recent=1).api_total
    return Moment(step, before, after, done.labels, api_calls)


def cells_of(
    environment: Environment, moments: Sequence[Moment], unit: Unit, prepare: Prepare | None = None
) -> Iterator[Cell]:
    """Yield the cells of a unit, up to the first one with fewer calls than its number, which is included."""
    moment = moments[unit.moment]
    environment.freeze_clock(moment.step.day)
    environment.restore(moment.before)
    for n in range(unit.start, _MOST_CALLS, unit.every):
        cell = run_cell(environment, moment, unit.way, n, prepare=prepare)
        yield cell
        if cell.failed_call is None:
            return
    raise RuntimeError(f"{moment.step} has more than {_MOST_CALLS} calls")


def run(
    all_environments: Sequence[Environment], moments: Sequence[Moment], units: Sequence[Unit], report: Report
) -> list[Row]:
    """Run units in parallel, one environment for each worker; return one row for each fault and step."""
    context = multiprocessing.get_context("fork")
    free = context.SimpleQueue()
    for number in range(len(all_environments)):
        free.put(number)
    rows: list[Row] = []
    began, cells = time.monotonic(), 0
    _Worker.environments, _Worker.moments = all_environments, moments
    days = [moment.step.day for moment in moments]
    # by day, and within a day the longest first
    longest_first = sorted(units, key=lambda unit: (days[unit.moment], -moments[unit.moment].calls))
    with ExitStack() as stack:
        workers = len(all_environments)
        pool = ProcessPoolExecutor(workers, context, initializer=_Worker.start, initargs=(free,))
        jobs = [pool.submit(_Worker.work, unit) for unit in longest_first]
        stack.callback(_end, pool)
        for number, job in enumerate(as_completed(jobs), 1):
            found = job.result()
            rows += found
            cells += sum(row.injected for row in found)
            for finding in (finding for row in found for finding in row.findings):
                report(f"FOUND {finding}")
            report(f"{number}/{len(jobs)} units, {cells} faults, {time.monotonic() - began:.0f} s")
    order = {str(moment.step): number for number, moment in reversed(list(enumerate(moments)))}
    return sorted(merged(rows), key=lambda row: (order[row.step], row.fault))


def _end(pool: ProcessPoolExecutor) -> None:
    """Kill the workers without waiting for their jobs, in case the suite was interrupted."""
    workers = list(pool._processes.values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.kill()
        worker.join()


class _Worker:
    """State of a worker process, inherited by fork."""

    environments: Sequence[Environment] = ()
    moments: Sequence[Moment] = ()
    environment: Environment

    @classmethod
    def start(cls, free: Any) -> None:
        number = free.get()
        cls.environment = cls.environments[number]
        if number:
            # links and tokens differ between sandboxes, so each worker has an undisturbed run of its own
            cls.moments = undisturbed(cls.environment, sorted({moment.step.day for moment in cls.moments}))

    @classmethod
    def work(cls, unit: Unit) -> list[Row]:
        return rows_of(cells_of(cls.environment, cls.moments, unit))


def rows_of(cells: Iterator[Cell]) -> list[Row]:
    """Return one row for each kind of call and way; a run in which no call failed does not count."""
    rows = []
    for cell in cells:
        if cell.failed_call is None and not cell.findings:
            continue
        way = next(iter(cell.plan[0].values()))
        fault = f"{cell.failed_call.split(' ')[0]} call {way}" if cell.failed_call else "none"
        rows.append(
            Row(
                fault=fault,
                step=str(cell.step),
                injected=int(cell.failed_call is not None),
                lost=sum(finding.lost for finding in cell.findings),
                wrong=sum(finding.wrong for finding in cell.findings),
                seconds=[cell.seconds],
                findings=[f"{cell.where}: {finding}" for finding in cell.findings],
            )
        )
    return merged(rows)
