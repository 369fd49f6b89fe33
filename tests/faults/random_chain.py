"""The steps of a partition as separate processes, with tries as Airflow has them, while faults strike."""

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
from tests.faults.random_faults import WAYS_OUT, Strike
from tests.faults.random_schedule import Fault, Kind
from tests.faults.random_servers import Scene
from tests.faults.random_tasks import Task, alive, dag, go_on, send

TRIES = 6
AT_ONCE = 4
ATTEMPT_SECONDS = 60.0
CHAIN_SECONDS = 240.0
_numbers = itertools.count(1)


class Chain:
    """Runs steps of one day; `usual` are the seconds that each takes undisturbed."""

    def __init__(self, scene: Scene, pool: ProcessPool, usual: Mapping[str, float], results: Path) -> None:
        self._scene = scene
        self._pool = pool
        self._usual = usual
        self._results = results
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self.findings: list[str] = []
        self.struck: list[Strike] = []
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
        """Bring all steps to their end, or note in `findings` why they do not come to it."""
        tasks = dag(steps)
        for number, fault in enumerate(faults):
            task = tasks.get(fault.step)
            if task is not None:
                dice = random.Random(f"{seed} {number}")
                task.strikes.append(Strike(self._scene, fault, day, self.at, dice))
        deadline = time.monotonic() + CHAIN_SECONDS
        while any(task.state != "done" for task in tasks.values()) or self._events or alive(tasks):
            now = time.monotonic()
            if now > deadline:
                left = [f"{name} ({task.state})" for name, task in tasks.items() if task.state != "done"]
                self.findings.append(f"not at its end after {CHAIN_SECONDS:g} s: {', '.join(left)}")
                break
            if any(task.state == "failed" for task in tasks.values()) and not alive(tasks):
                break
            self._begin(tasks, carried, now)
            self._happen(now)
            for pid in self._pool.ended(self._pause(tasks)):
                self._end(tasks, pid, carried)
            self._stop_hanging(tasks)
        self._clean_up(tasks)

    def at(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something in `seconds`."""
        heapq.heappush(self._events, (time.monotonic() + seconds, next(_numbers), what))

    def _begin(self, tasks: dict[str, Task], carried: dict[str, Any], now: float) -> None:
        for task in tasks.values():
            if len(alive(tasks)) >= AT_ONCE:
                return
            if task.state == "waiting" and all(tasks[name].state == "done" for name in task.needs):
                task.state = "due"
            if task.state == "due" and task.due <= now:
                first = task.attempts == 0
                hits = [strike for strike in task.strikes if strike.before()] if first else []
                self._start(task, carried)
                for strike in hits:
                    self.struck.append(strike)
                    task.struck_at = task.struck_at or time.monotonic()
                    self._schedule(task, strike, carried)

    def _start(self, task: Task, carried: dict[str, Any]) -> int:
        task.attempts += 1
        task.tries += 1
        task.state = "running"
        clock_off = timedelta()
        if any(strike.fault.kind is Kind.LOCAL_CLOCK for strike in task.strikes):
            clock_off = timedelta(days=1 if task.strikes[0].fault.size % 2 else -1)
        job = Job(
            self._scene.connections,
            self._scene.environment.folder,
            task.step,
            carried,
            task.attempts,
            task.tries >= TRIES,
            clock_off,
            self._results / f"{next(_numbers)}.pickle",
        )
        pid = self._pool.start(job)
        task.live[pid] = (job, time.monotonic())
        return pid

    def _schedule(self, task: Task, strike: Strike, carried: dict[str, Any]) -> None:
        fault = strike.fault
        [(pid, _)] = list(task.live.items())[-1:]
        delay = fault.delay * self._usual.get(str(task.step), 0.2)
        if fault.kind is Kind.DOUBLE_RUN:
            self._start(task, carried)
        elif fault.kind is Kind.WORKER_KILLED:

            def kill() -> None:
                strike.hit = send(pid, task, signal.SIGKILL)

            self.at(delay, kill)
        elif fault.kind in {Kind.WORKER_STOPPED, Kind.WORKER_ORPHANED}:

            def stop() -> None:
                strike.hit = send(pid, task, signal.SIGSTOP)
                if not strike.hit:
                    return
                self.at(fault.window, lambda: go_on(pid, task))
                if fault.kind is Kind.WORKER_ORPHANED and task.state == "running":
                    self._start(task, carried)

            self.at(delay, stop)
        else:
            self.at(delay, strike.now)

    def _happen(self, now: float) -> None:
        while self._events and self._events[0][0] <= now:
            heapq.heappop(self._events)[2]()

    def _pause(self, tasks: dict[str, Task]) -> float:
        soon = [task.due for task in tasks.values() if task.state == "due"] + [e[0] for e in self._events[:1]]
        return max(min([*soon, time.monotonic() + 0.5]) - time.monotonic(), 0.0)

    def _end(self, tasks: dict[str, Task], pid: int, carried: dict[str, Any]) -> None:
        task = next((task for task in tasks.values() if pid in task.live), None)
        if task is None:
            return
        job, began = task.live.pop(pid)
        told = outcome(job)
        job.result.unlink(missing_ok=True)
        if told.ended == "crashed":
            self.findings.append(f"{task.step}: an error of no known kind: {told.error}")
        if task.state == "done":
            return  # one that outlived its task
        if told.ended == "done":
            self._done(tasks, task, told, began, carried)
        elif told.ended == "terminal":
            self._stopped(tasks, task, told)
        elif not task.live:
            self._again(task, told)

    def _done(
        self, tasks: dict[str, Task], task: Task, told: Outcome, began: float, carried: dict[str, Any]
    ) -> None:
        result = told.result
        if task.step.task in {"fetch"} and result["status"] == "partial" and self._wait_for_api(task.step):
            if not task.live:
                task.state, task.due, task.tries = "due", 0.0, task.tries - 1
            return
        now = time.monotonic()
        carried[task.step.key] = result
        task.state = "done"
        self.seconds[str(task.step)] = now - began
        if task.struck_at is not None:
            for strike in task.strikes:
                self.recoveries[id(strike)] = now - task.struck_at

    def _wait_for_api(self, step: Step) -> bool:
        """Let Spotify's time pass to when a bucket opens, or put it right; False where that is not it."""
        manifest = read_manifest(self._scene.environment.lake, step.day, step.source)
        if manifest is None:
            return False
        if manifest.resume_after is not None:
            opens = manifest.resume_after + timedelta(seconds=1)
            if opens > self._scene.sandbox.control.now():
                self._scene.sandbox.control.set_clock(opens, frozen=True)
            return True
        if "Spotify's date is" in (manifest.stopped_by or ""):
            self._scene.environment.go_to(step.day)
            return True
        return False

    def _stopped(self, tasks: dict[str, Task], task: Task, told: Outcome) -> None:
        """A TerminalError: no more tries, and somebody does what it says."""
        struck = [s for s in self.struck if s.fault.kind in WAYS_OUT and s.source == task.step.source]
        for strike in struck:
            cleared = strike.mend(told.error)
            if cleared is not None:
                for name in (f"{what} {task.step.source}" for what in ("fetch", "validate", "load")):
                    if name in tasks:
                        tasks[name].tries = 0
                        tasks[name].state = "waiting"
                task.state = "waiting"
                if cleared == "validate":
                    tasks[f"fetch {task.step.source}"].state = "done"
                return
        if "a refresh of the login was lost" in told.error and self._scene.environment.has_lost_login():
            # the response was lost with the worker or on its way: the user logs in again
            self._scene.log_in_again()
            task.state, task.due, task.tries = "due", 0.0, 0
            return
        task.state = "failed"
        self.findings.append(f"{task.step} stops: {told.error}")

    def _again(self, task: Task, told: Outcome) -> None:
        if task.tries >= TRIES:
            task.state = "failed"
            self.findings.append(
                f"{task.step} has not recovered within {TRIES} tries: {told.ended} {told.error}"
            )
            return
        task.state = "due"
        task.due = time.monotonic() + min(0.05 * 2**task.tries, 1.0)

    def _stop_hanging(self, tasks: dict[str, Task]) -> None:
        for task in tasks.values():
            for pid, (_, began) in task.live.items():
                if time.monotonic() - began > ATTEMPT_SECONDS:
                    self.findings.append(f"{task.step} hangs: not at its end after {ATTEMPT_SECONDS:g} s")
                    send(pid, task, signal.SIGKILL)

    def _clean_up(self, tasks: dict[str, Task]) -> None:
        """All servers as they should be, no attempt left."""
        while self._events:
            heapq.heappop(self._events)[2]()
        for strike in self.struck:
            for thread in strike.threads:
                thread.join(60)
        for task in tasks.values():
            for pid in task.live:
                send(pid, task, signal.SIGKILL)
