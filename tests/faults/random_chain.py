"""Runs the steps of a partition as separate processes, with retries like Airflow's, and injects faults."""

from __future__ import annotations

import heapq
import itertools
import random
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from spotify_pipeline.lake.manifest import read_manifest
from tests.faults.driver import Step
from tests.faults.process_pool import Job, Outcome, ProcessPool, outcome
from tests.faults.random_faults import WAYS_OUT, Injection
from tests.faults.random_schedule import Fault, Kind
from tests.faults.random_servers import ProxiedEnvironment
from tests.faults.random_tasks import Task, dag, live_processes, resume, send
from tests.faults.warm import warm_up

TRIES = 6
AT_ONCE = 4
ATTEMPT_SECONDS = 60.0
CHAIN_SECONDS = 240.0
_numbers = itertools.count(1)


class Chain:
    """Runs steps of one day; `usual` is the duration of each without a fault, in seconds."""

    def __init__(
        self, proxied: ProxiedEnvironment, pool: ProcessPool, usual: Mapping[str, float], results: Path
    ) -> None:
        self._proxied = proxied
        self._pool = pool
        self._usual = usual
        self._results = results
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self.findings: list[str] = []
        self.injections: list[Injection] = []
        self.recoveries: dict[int, float] = {}
        self.seconds: dict[str, float] = {}

    def run(
        self,
        day: date,
        steps: Sequence[Step],
        carried: dict[str, Any],
        faults: Iterable[Fault] = (),
        *,
        seed: int = 0,
    ) -> None:
        """Run all steps to their end; `findings` says which steps did not reach it, and why."""
        tasks = dag(steps)
        for number, fault in enumerate(faults):
            task = tasks.get(fault.step)
            if task is not None:
                rng = random.Random(f"{seed} {number}")
                task.injections.append(Injection(self._proxied, fault, day, self.call_later, rng))
        deadline = time.monotonic() + CHAIN_SECONDS
        while any(task.state != "done" for task in tasks.values()) or self._events or live_processes(tasks):
            now = time.monotonic()
            if now > deadline:
                left = [f"{name} ({task.state})" for name, task in tasks.items() if task.state != "done"]
                self.findings.append(f"not finished after {CHAIN_SECONDS:g} s: {', '.join(left)}")
                break
            if any(task.state == "failed" for task in tasks.values()) and not live_processes(tasks):
                break
            self._start_due_tasks(tasks, carried, now)
            self._run_due_events(now)
            for pid in self._pool.ended(self._seconds_until_next(tasks)):
                self._handle_end(tasks, pid, carried)
            self._stop_hanging(tasks)
        self._clean_up(tasks)

    def call_later(self, seconds: float, what: Callable[[], None]) -> None:
        """Call a function in `seconds`."""
        heapq.heappush(self._events, (time.monotonic() + seconds, next(_numbers), what))

    def _start_due_tasks(self, tasks: dict[str, Task], carried: dict[str, Any], now: float) -> None:
        for task in tasks.values():
            if len(live_processes(tasks)) >= AT_ONCE:
                return
            if task.state == "waiting" and all(tasks[name].state == "done" for name in task.needs):
                task.state = "due"
            if task.state == "due" and task.due <= now:
                first = task.attempts == 0
                hits = [injection for injection in task.injections if injection.before()] if first else []
                self._start(task, carried)
                for injection in hits:
                    self.injections.append(injection)
                    task.injected_at = task.injected_at or time.monotonic()
                    self._schedule(task, injection, carried)

    def _start(self, task: Task, carried: dict[str, Any]) -> int:
        task.attempts += 1
        task.tries += 1
        task.state = "running"
        clock_off = timedelta()
        if any(injection.fault.kind is Kind.LOCAL_CLOCK for injection in task.injections):
            clock_off = timedelta(days=1 if task.injections[0].fault.size % 2 else -1)
        job = self._job(task, carried, clock_off)
        pid = self._pool.start(job)
        task.live[pid] = (job, time.monotonic())
        return pid

    def _job(self, task: Task, carried: dict[str, Any], clock_off: timedelta = timedelta()) -> Job:
        return Job(
            self._proxied.connections,
            self._proxied.environment.folder,
            task.step,
            carried,
            task.attempts,
            task.tries >= TRIES,
            clock_off,
            self._results / f"{next(_numbers)}.pickle",
        )

    def warm_up(self, steps: Sequence[Step]) -> None:
        """Run the steps in the pool's own process."""

        def perform(step: Step, carried: dict[str, Any]) -> Any:
            ended = self._pool.warm_up(self._job(Task(step, (), attempts=1), carried))
            assert ended.ended == "done", ended
            return ended.result

        warm_up(steps, perform)

    def _schedule(self, task: Task, injection: Injection, carried: dict[str, Any]) -> None:
        fault = injection.fault
        [(pid, _)] = list(task.live.items())[-1:]
        delay = fault.delay * self._usual.get(str(task.step), 0.2)
        if fault.kind is Kind.DOUBLE_RUN:
            self._start(task, carried)
        elif fault.kind is Kind.WORKER_KILLED:

            def kill() -> None:
                injection.took_effect = send(pid, task, signal.SIGKILL)

            self.call_later(delay, kill)
        elif fault.kind in {Kind.WORKER_STOPPED, Kind.WORKER_ORPHANED}:

            def stop() -> None:
                injection.took_effect = send(pid, task, signal.SIGSTOP)
                if not injection.took_effect:
                    return
                self.call_later(fault.window, lambda: resume(pid, task))
                if fault.kind is Kind.WORKER_ORPHANED and task.state == "running":
                    self._start(task, carried)

            self.call_later(delay, stop)
        else:
            self.call_later(delay, injection.now)

    def _run_due_events(self, now: float) -> None:
        while self._events and self._events[0][0] <= now:
            heapq.heappop(self._events)[2]()

    def _seconds_until_next(self, tasks: dict[str, Task]) -> float:
        soon = [task.due for task in tasks.values() if task.state == "due"] + [e[0] for e in self._events[:1]]
        return max(min([*soon, time.monotonic() + 0.5]) - time.monotonic(), 0.0)

    def _handle_end(self, tasks: dict[str, Task], pid: int, carried: dict[str, Any]) -> None:
        task = next((task for task in tasks.values() if pid in task.live), None)
        if task is None:
            return
        job, began = task.live.pop(pid)
        attempt = outcome(job)
        job.result.unlink(missing_ok=True)
        if attempt.ended == "crashed":
            self.findings.append(f"{task.step}: an error outside the error tree: {attempt.error}")
        if task.state == "done":
            return  # a second attempt of a step that is already done
        if attempt.ended == "done":
            self._handle_success(tasks, task, attempt, began, carried)
        elif attempt.ended == "terminal":
            self._handle_terminal_error(tasks, task, attempt)
        elif not task.live:
            self._retry(task, attempt)

    def _handle_success(
        self, tasks: dict[str, Task], task: Task, attempt: Outcome, began: float, carried: dict[str, Any]
    ) -> None:
        result = attempt.result
        if task.step.task in {"fetch"} and result["status"] == "partial" and self._wait_for_api(task.step):
            if not task.live:
                task.state, task.due, task.tries = "due", 0.0, task.tries - 1
            return
        now = time.monotonic()
        carried[task.step.key] = result
        task.state = "done"
        self.seconds[str(task.step)] = now - began
        if task.injected_at is not None:
            for injection in task.injections:
                self.recoveries[id(injection)] = now - task.injected_at

    def _wait_for_api(self, step: Step) -> bool:
        """Set Spotify's clock to when a bucket opens, or to the day; return False if neither is needed."""
        manifest = read_manifest(self._proxied.environment.lake, step.day, step.source)
        if manifest is None:
            return False
        if manifest.resume_after is not None:
            opens = manifest.resume_after + timedelta(seconds=1)
            if opens > self._proxied.sandbox.control.now():
                self._proxied.sandbox.control.set_clock(opens, frozen=True)
            return True
        if "Spotify's date is" in (manifest.stopped_by or ""):
            self._proxied.environment.freeze_clock(step.day)
            return True
        return False

    def _handle_terminal_error(self, tasks: dict[str, Task], task: Task, attempt: Outcome) -> None:
        """Do what a TerminalError asks an operator to do; there are no more tries before that."""
        injections = [s for s in self.injections if s.fault.kind in WAYS_OUT and s.source == task.step.source]
        for injection in injections:
            cleared = injection.fix(attempt.error)
            if cleared is not None:
                for name in (f"{what} {task.step.source}" for what in ("fetch", "validate", "load")):
                    if name in tasks:
                        tasks[name].tries = 0
                        tasks[name].state = "waiting"
                task.state = "waiting"
                if cleared == "validate":
                    tasks[f"fetch {task.step.source}"].state = "done"
                return
        if "a refresh of the login was lost" in attempt.error and self._proxied.environment.has_lost_login():
            # the response with the new token was lost: the user logs in again
            self._proxied.log_in_again()
            task.state, task.due, task.tries = "due", 0.0, 0
            return
        task.state = "failed"
        self.findings.append(f"{task.step} stops: {attempt.error}")

    def _retry(self, task: Task, attempt: Outcome) -> None:
        if task.tries >= TRIES:
            task.state = "failed"
            self.findings.append(
                f"{task.step} has not recovered within {TRIES} tries: {attempt.ended} {attempt.error}"
            )
            return
        task.state = "due"
        task.due = time.monotonic() + min(0.05 * 2**task.tries, 1.0)

    def _stop_hanging(self, tasks: dict[str, Task]) -> None:
        for task in tasks.values():
            for pid, (_, began) in task.live.items():
                if time.monotonic() - began > ATTEMPT_SECONDS:
                    self.findings.append(f"{task.step} hangs: not finished after {ATTEMPT_SECONDS:g} s")
                    send(pid, task, signal.SIGKILL)

    def _clean_up(self, tasks: dict[str, Task]) -> None:
        """Run the remaining events, which restore the servers, and kill attempts that still run."""
        while self._events:
            heapq.heappop(self._events)[2]()
        for injection in self.injections:
            for thread in injection.threads:
                thread.join(60)
        for task in tasks.values():
            for pid in task.live:
                send(pid, task, signal.SIGKILL)
