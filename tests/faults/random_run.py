"""Runs random schedules with real processes, and compares each with an undisturbed run."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from spotify_pipeline.connections import SPOTIFY_USER
from spotify_pipeline.warehouse.connection import connect
from tests.faults.driver import steps_of
from tests.faults.environment import DAY, SOURCES, Saved
from tests.faults.oracle import Finding, State, at_rest, capture, differences
from tests.faults.process_pool import ProcessPool
from tests.faults.random_chain import Chain
from tests.faults.random_schedule import FIXED_SEEDS, Kind, Schedule, draw
from tests.faults.random_servers import ProxiedEnvironment, proxied
from tests.faults.random_tasks import WAVES, wave_of
from tests.faults.table import Row, commit

SCHEDULES = 200
# faults during which the API's clock advances
_MOVES_CLOCK = {Kind.LONG_LIMIT, Kind.QUOTA, Kind.SHORT_LIMIT, Kind.PLAIN_TEXT, Kind.MIDNIGHT}
_CLOSES_BUCKETS = {Kind.LONG_LIMIT, Kind.QUOTA, Kind.SHORT_LIMIT, Kind.PLAIN_TEXT}
# steps that run a day late
_LATE = ("validate lists", "load lists")
Report = Callable[[str], None]


@dataclass
class Result:
    """The result of one schedule."""

    schedule: Schedule
    findings: list[str]
    lost: int
    wrong: int
    seconds: float
    rows: list[Row] = field(default_factory=list)


class Runner:
    """Runs schedules in one environment; it has the results of undisturbed runs of one and of two days."""

    def __init__(self, proxied: ProxiedEnvironment, pool: ProcessPool, results: Path) -> None:
        self._proxied = proxied
        self._pool = pool
        self._results = results
        self._usual: dict[str, float] = {}
        self._expected: dict[tuple[int, bool], State] = {}
        # before each wave of each day of the undisturbed run
        self._starts: dict[tuple[int, int], Saved] = {}

    def prepare(self) -> None:
        """Save the initial state, and run the days without a fault."""
        environment = self._proxied.environment
        environment.freeze_clock(DAY)
        environment.create()
        self._starts[0, 0] = environment.save("cold", {})
        self._chain().warm_up(steps_of(DAY, SOURCES))
        environment.restore(self._starts[0, 0])
        chain, carried = self._chain(), {}  # type: ignore[var-annotated]
        for day in (0, 1):
            for wave in WAVES:
                self._starts[day, wave] = environment.save(f"day_{day}_wave_{wave}", carried)
                self._day(chain, day, carried, waves=[wave])
                assert not chain.findings, chain.findings
            for exact in (False, True):
                self._expected[day + 1, exact] = capture(environment.owner, environment.lake, exact=exact)
        self._usual = chain.seconds

    def run(self, schedule: Schedule, *, tampering: str = "") -> Result:
        """Run a schedule from its first fault on and check the result, or detect the SQL of `tampering`."""
        environment = self._proxied.environment
        environment.reconnect()
        first_day, first_wave = _first(schedule)
        start = self._starts[first_day, first_wave]
        environment.restore(start)
        self._proxied.connections[SPOTIFY_USER] = environment.connections[SPOTIFY_USER]
        began = time.monotonic()
        environment.clear_faults()
        chain, carried = self._chain(), dict(start.carried)
        for day in range(first_day, schedule.days):
            late = schedule.order is Kind.LATE and day == 0
            waves = WAVES[first_wave:] if day == first_day else WAVES
            self._day(chain, day, carried, schedule, late=late, waves=waves)
            if chain.findings:
                break
        if not chain.findings:
            self._after(chain, schedule, carried)
        if tampering:
            with connect(environment.owner) as conn:
                conn.execute(tampering.encode())
        findings = [Finding("chain", "", text) for text in chain.findings]
        findings += self._differences(schedule)
        seconds = time.monotonic() - began
        lost, wrong = sum(f.lost for f in findings), sum(f.wrong for f in findings)
        result = Result(schedule, [str(finding) for finding in findings], lost, wrong, seconds)
        result.rows = _rows(result, chain)
        return result

    def _chain(self) -> Chain:
        return Chain(self._proxied, self._pool, self._usual, self._results)

    def _day(
        self,
        chain: Chain,
        day: int,
        carried: dict[str, Any],
        schedule: Schedule | None = None,
        *,
        late: bool = False,
        waves: Sequence[int] = WAVES,
    ) -> None:
        date = DAY + timedelta(days=day)
        self._proxied.environment.freeze_clock(date)
        steps = [step for step in steps_of(date, SOURCES) if wave_of(str(step)) in waves]
        if late:
            steps = [s for s in steps if s.task != "reconcile" and str(s) not in _LATE]
        faults = [f for f in schedule.faults if f.day == day] if schedule else []
        chain.run(date, steps, carried, faults, seed=schedule.seed if schedule else 0)

    def _after(self, chain: Chain, schedule: Schedule, carried: dict[str, Any]) -> None:
        """Run the day again, the days out of order, or the late steps."""
        if schedule.order is Kind.REPEATED:
            control = self._proxied.sandbox.control
            control.reset_calls()
            day = DAY + timedelta(days=schedule.days - 1)
            chain.run(day, steps_of(day, SOURCES), carried)
            if calls := control.calls().api_total:
                chain.findings.append(f"{calls} calls for a partition that was complete")
        elif schedule.order is Kind.OUT_OF_ORDER:
            for number in schedule.shuffle:
                day = DAY + timedelta(days=number)
                steps = [s for s in steps_of(day, SOURCES) if s.task in {"validate", "load", "reconcile"}]
                chain.run(day, steps, carried)
        elif schedule.order is Kind.LATE:
            steps = [s for s in steps_of(DAY, SOURCES) if str(s) in _LATE or s.task == "reconcile"]
            chain.run(DAY, steps, carried)

    def _differences(self, schedule: Schedule) -> list[Finding]:
        environment = self._proxied.environment
        kinds = {fault.kind for fault in schedule.faults}
        exact = not kinds & _MOVES_CLOCK
        expected = self._expected[schedule.days, exact]
        found = differences(expected, capture(environment.owner, environment.lake, exact=exact))
        if kinds & _CLOSES_BUCKETS:
            found = [finding for finding in found if finding.subject != "ops.api_cooldown"]
        if Kind.PAGE_SHIFTED in kinds:
            # raw differs, because the pages did; the rows must not
            found = [finding for finding in found if finding.subject.startswith("staging.")]
        return found + at_rest(environment.owner, environment.lake)


def _first(schedule: Schedule) -> tuple[int, int]:
    """Return the day and the wave of the first fault: what was before it is as in the undisturbed run."""
    if schedule.order is Kind.LATE:
        return 0, WAVES[0]
    last = schedule.days - 1, WAVES[-1]
    return min([*((fault.day, wave_of(fault.step)) for fault in schedule.faults), last])


def _rows(result: Result, chain: Chain) -> list[Row]:
    rows = []
    for number, injection in enumerate(chain.injections):
        fault = injection.fault
        row = Row(
            f"{fault.kind}{f' ({fault.target})' if fault.target else ''}",
            fault.step.split()[0],
            int(injection.took_effect),
        )
        if (seconds := chain.recoveries.get(id(injection))) is not None:
            row.seconds.append(seconds)
        if number == 0:
            row.lost, row.wrong, row.findings = result.lost, result.wrong, list(result.findings)
        rows.append(row)
    order = result.schedule.order
    if order is not None:
        row = Row(str(order), "partition", 1, seconds=[result.seconds])
        if not rows:
            row.lost, row.wrong, row.findings = result.lost, result.wrong, list(result.findings)
        rows.append(row)
    return rows


@contextmanager
def runner(folder: Path) -> Iterator[Runner]:
    """Yield a runner, after servers have started and the undisturbed runs are done."""
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    with ProcessPool(folder / "pool.log") as pool, proxied(folder / "servers") as environment:
        made = Runner(environment, pool, results)
        made.prepare()
        yield made


def schedules(seeds: Iterable[int], folder: Path, report: Report = print) -> Iterator[Result]:
    """Run the schedules of these seeds, and report each one with findings."""
    with runner(folder) as made:
        for seed in seeds:
            result = made.run(draw(seed))
            if result.findings:
                report(f"FAILED at {commit()}: {result.schedule}")
                for finding in result.findings[:12]:
                    report(f"    {finding}")
            yield result


def run(scale: float, seed: int, folder: Path, workers: int = 2) -> list[Row]:
    """Return rows for the table; `scale` 1 is 200 schedules. Each worker has its own servers.

    The fixed seeds run first, whichever `seed` the others begin with.
    """
    drawn = range(seed, seed + max(1, round(SCHEDULES * scale)))
    seeds = [*FIXED_SEEDS, *(each for each in drawn if each not in FIXED_SEEDS)]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, context) as pool:
        try:
            shares = [
                pool.submit(_share, seeds[number::workers], folder / str(number)) for number in range(workers)
            ]
            rows = [row for share in shares for row in share.result()]
            return sorted(rows, key=lambda row: (row.fault, row.step))
        except BaseException:
            # on SIGTERM each worker ends its servers
            for worker in pool._processes.values():
                worker.terminate()
            raise


def _share(seeds: Sequence[int], folder: Path) -> list[Row]:
    rows: list[Row] = []
    began = time.monotonic()
    for number, result in enumerate(schedules(seeds, folder), 1):
        rows += result.rows
        if number % 20 == 0 or number == len(seeds):
            print(f"{number}/{len(seeds)} schedules, {time.monotonic() - began:.0f} s", flush=True)
    return rows


def main() -> int:
    """Repeat one schedule with `python -m tests.faults.random_run --seed 17 --schedules 1`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schedules", type=int, default=SCHEDULES)
    parser.add_argument("--quiet", action="store_true", help="print only schedules with findings")
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for result in schedules(range(arguments.seed, arguments.seed + arguments.schedules), Path(folder)):
            failed += bool(result.findings)
            if not arguments.quiet:
                print(
                    f"{'FAILED' if result.findings else 'equal '} {result.seconds:5.1f} s  {result.schedule}"
                )
    print(f"{arguments.schedules - failed} of {arguments.schedules} schedules ended equal, at {commit()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
