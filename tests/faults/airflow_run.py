"""Injects random faults into a whole Airflow, one partition per schedule, and checks the result.

Airflow's states, dbt's results and the tables must agree: every run succeeds within its tries, every green
test task has a result of dbt that passed, a partition is published only after all of them, and staging and
marts contain the rows of an undisturbed run.

    python -m tests.faults.airflow_run --seed 0 --schedules 3 --stack /tmp/faults-stack
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from spotify_pipeline import connections
from spotify_pipeline.errors import PipelineError
from spotify_sandbox.control import SandboxControl
from spotify_stack import demo_sources, services
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.dbt_manifest import MANIFEST
from spotify_stack.health import NotReady, wait_until
from spotify_stack.paths import StackPaths
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import SandboxOptions
from spotify_stack.summary import TEST_OPERATOR, dbt_nodes
from tests.e2e.conftest import CHAIN, INGEST, TRANSFORM, Running, write_catalogue
from tests.faults.airflow_disturb import Fault, Kind, draw, inject
from tests.faults.airflow_reference import Undisturbed
from tests.faults.airflow_scheduler import second_scheduler
from tests.faults.oracle import Finding
from tests.faults.table import Row, commit

SCHEDULES = len(Kind)
"""Seeds in a row reach every kind of fault."""
FIRST_DAY = date(2021, 3, 1)
# seconds that each takes undisturbed on two idle cores
USUAL = dict(zip(CHAIN, (15.0, 35.0, 3.0), strict=True))
WAIT_SECONDS = 900
# until a killed API server responds again
RESTART_SECONDS = 120
Report = Callable[[str], None]


class Artists(Running):
    """A stack whose sources are the catalogue's artists, without the lists of a user."""

    def set_day(self, day: date) -> None:
        moment = f"{day.isoformat()}T06:00:00Z"
        self.control.set_clock(moment)
        artists = [artist_id for artist_id, _ in self.control.catalog().artists]
        demo_sources.write(self.state, demo_sources.artist_entries(artists))


@dataclass
class Result:
    """One schedule: its faults that took effect, the findings, and the duration of the chain."""

    seed: int
    day: date
    faults: list[Fault]
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.day}: {'; '.join(map(str, self.faults)) or 'undisturbed'}"


@contextmanager
def stack_running(folder: Path, report: Report) -> Iterator[Running]:
    """Start the stack in `folder`, new or not, and a second scheduler; stop them and keep the data."""
    catalogue = folder / "catalogue"
    if not catalogue.exists():
        write_catalogue(catalogue, FIRST_DAY)
    stack = Stack(StackPaths(folder / "stack"), report=report)
    options = SandboxOptions("development", str(catalogue), f"{FIRST_DAY.isoformat()}T06:00:00Z")
    started_at = datetime.now().astimezone()
    try:
        state = stack.up(Wanted(options, own_app=""))
        with (
            AirflowApi(state.airflow_url, patience=RESTART_SECONDS) as api,
            SandboxControl(state.sandbox_url) as control,
        ):
            api.pause("spotify_listening")
            running = Artists(stack, state, api, control, started_at)
            with second_scheduler(running):
                yield running
    finally:
        stack.down()


def chain(running: Running, day: date, faults: list[Fault]) -> Result:
    """Run one partition through the chain while faults are injected."""
    result = Result(-1, day, [])
    began = time.monotonic()
    try:
        _run_chain(running, day, faults, result)
        # the last fault may have come after the last task
        for make in (services.metadata_postgres, services.warehouse_postgres, services.object_store):
            check = make(running.state).check
            wait_until(check, timeout=120, what="a server that was killed", poll=0.3)
        if not result.findings:
            result.findings += check_agreement(running, day)
    except PipelineError as error:
        result.findings.append(Finding("recovery", str(day), str(error)))
    result.seconds = time.monotonic() - began
    return result


def _run_chain(running: Running, day: date, faults: list[Fault], result: Result) -> None:
    running.set_day(day)
    running.api.dags()  # waits for Airflow: a fault may have come after the last task of the day before
    since = datetime.now(UTC)
    running.api.trigger(INGEST, day.isoformat())
    for dag_id in CHAIN:
        run_id = _wait_for_run(running, dag_id, day, since)
        injecting = threading.Thread(target=_inject_faults, args=[running, dag_id, run_id, faults, result])
        injecting.start()
        try:
            run = running.ended(dag_id, run_id, timeout=WAIT_SECONDS)
        finally:
            injecting.join(2 * RESTART_SECONDS)
            running.control.clear_faults()
        if run["state"] != "success":
            failed = [t for t in running.api.tasks(dag_id, run_id) if t["state"] == "failed"]
            names = ", ".join(f"{t['task_id']} (try {t['try_number']})" for t in failed)
            result.findings.append(Finding("recovery", dag_id, f"ended as {run['state']}: {names}"))
            return


def _inject_faults(running: Running, dag_id: str, run_id: str, faults: list[Fault], result: Result) -> None:
    began = time.monotonic()
    for fault in faults:
        if fault.dag_id != dag_id:
            continue
        time.sleep(max(began + fault.delay * USUAL[dag_id] - time.monotonic(), 0))
        for _ in range(20):  # between two tasks there is no process to kill
            try:
                if inject(running, fault, run_id):
                    result.faults.append(fault)
                    break
            except NotReady:
                pass
            time.sleep(0.2)


def _wait_for_run(running: Running, dag_id: str, day: date, since: datetime) -> str:
    found: list[str] = []

    def check() -> None:
        runs = running.api.runs(dag_id, day.isoformat(), queued_after=since)
        if not runs:
            raise NotReady("there is no such run")
        found.append(runs[0]["dag_run_id"])

    wait_until(check, timeout=120, what=f"{dag_id} of {day}", poll=0.3)
    return found[-1]


def check_agreement(running: Running, day: date) -> list[Finding]:
    """Compare Airflow's states, dbt's results and ops.publication for each transform run of a day."""
    found: list[Finding] = []
    wanted = dbt_nodes(MANIFEST)["tests"]
    with running.warehouse(connections.WAREHOUSE_OWNER) as conn:
        published = conn.execute(
            "SELECT run_id, tests_passed, published_at FROM ops.publication WHERE partition = %s", [day]
        ).fetchone()
        runs = running.api.runs(TRANSFORM, day.isoformat())
        for run in runs:
            run_id = run["dag_run_id"]
            states = [
                task["state"]
                for task in running.api.tasks(TRANSFORM, run_id)
                if task["operator_name"] == TEST_OPERATOR
            ]
            green = [state for state in states if state == "success"]
            last = conn.execute(
                "SELECT DISTINCT ON (unique_id) unique_id, status, recorded_at FROM ops.dbt_result"
                " WHERE run_id = %s AND resource_type = 'test' AND task_id <> 'catch_up'"
                " ORDER BY unique_id, id DESC",
                [run_id],
            ).fetchall()
            if not last and set(states) == {"skipped"}:
                continue  # nothing was new: the run published the tables of an earlier one
            passed = [row for row in last if row[1] in {"pass", "warn"}]
            if not len(green) == len(passed) == len(last) == wanted:
                text = (
                    f"{len(green)} green tasks, {len(passed)} of {len(last)} results passed, {wanted} tests"
                )
                found.append(Finding("false green", run_id, text))
            if published and published[0] == run_id and max(row[2] for row in last) > published[2]:
                found.append(Finding("false green", run_id, "published before its last test"))
    if published is None or published[1] != wanted or published[0] not in {r["dag_run_id"] for r in runs}:
        found.append(Finding("publication", str(day), f"{published} for {wanted} tests"))
    return found


class Progress:
    """The partitions that a stack has run, stored in its folder, because a session may be interrupted."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "days.json"
        self._days: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def note(self, day: date, state: str) -> None:
        """Store the state of a partition: `begun`, `done` or `compared`."""
        self._days[day.isoformat()] = state
        self._file.write_text(json.dumps(self._days))

    def days(self, state: str) -> list[date]:
        """Return the partitions in a state, oldest first."""
        return [date.fromisoformat(day) for day, known in sorted(self._days.items()) if known == state]

    def next_day(self) -> date:
        """Return the first partition that the stack has not run."""
        return FIRST_DAY + timedelta(days=len(self._days))


def schedules(
    first: int, count: int, folder: Path, report: Report, *, seconds: float = math.inf
) -> Iterator[Result]:
    """Run schedules on new partitions of the stack in `folder`, and compare once, after the last.

    No schedule begins later than `seconds` from now.
    """
    deadline = time.monotonic() + seconds
    progress = Progress(folder)
    with stack_running(folder, report) as running:
        reference = Undisturbed(running)
        reference.create()
        for day in progress.days("begun"):
            chain(running, day, [])
            progress.note(day, "done")
        results: list[Result] = []
        for seed in range(first, first + count):
            if time.monotonic() > deadline:
                report(f"no time is left for seed {seed} and those after it")
                break
            day = progress.next_day()
            progress.note(day, "begun")
            result = chain(running, day, draw(seed))
            result.seed = seed
            results.append(result)
            progress.note(day, "done")
            report(f"{'FAILED' if result.findings else 'agreed'} {result.seconds:.0f} s  {result}")
        done = progress.days("done")
        reference.run(done)
        different = reference.findings()
        for day in done:
            progress.note(day, "compared")
        report(f"{len(done)} partitions compared with undisturbed ones: {len(different)} differences")
        for result in results:
            # a different row does not show which fault caused it: report it with each schedule
            result.findings += different
            if result.findings:
                report(f"FAILED at {commit()}: {result}")
                for finding in result.findings[:12]:
                    report(f"    {finding}")
            yield result


def rows_of(result: Result) -> list[Row]:
    """Return one row for each fault."""
    rows = [Row(f"Airflow: {b.kind}", b.dag_id, 1, seconds=[result.seconds]) for b in result.faults]
    if not rows:
        rows = [Row("Airflow: no fault took effect", "", 0, seconds=[result.seconds])]
    rows[0].findings = [str(finding) for finding in result.findings]
    rows[0].lost = sum(finding.lost for finding in result.findings)
    rows[0].wrong = sum(finding.wrong for finding in result.findings)
    return rows


def run(scale: float, seed: int, folder: Path) -> list[Row]:
    """Return rows for the table; `scale` 1 is one schedule for each kind of fault."""
    count = max(1, round(SCHEDULES * scale))
    return [row for result in schedules(seed, count, folder, print) for row in rows_of(result)]


def main() -> int:
    """Run some schedules on a stack that is kept, so that a later call can run more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schedules", type=int, default=SCHEDULES)
    parser.add_argument("--seconds", type=float, default=200, help="begin no schedule later than this")
    parser.add_argument("--stack", type=Path, required=True, help="folder for the stack; kept afterwards")
    arguments = parser.parse_args()
    arguments.stack.mkdir(parents=True, exist_ok=True)
    # the stack must end with this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))
    results = list(
        schedules(
            arguments.seed,
            arguments.schedules,
            arguments.stack,
            lambda line: print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True),
            seconds=arguments.seconds,
        )
    )
    failed = sum(bool(result.findings) for result in results)
    print(f"{len(results) - failed} of {len(results)} schedules agreed, at {commit()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
