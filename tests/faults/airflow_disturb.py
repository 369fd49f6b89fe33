"""What goes wrong while a whole Airflow works, and when: a seed says it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import psutil

from spotify_stack import processes, services
from tests.e2e.conftest import CHAIN, Running


class Hit(StrEnum):
    """Who is hit, always by SIGKILL, or stopped for seconds."""

    TASK = "task killed"
    WORKER = "LocalExecutor worker killed"
    SCHEDULER = "scheduler killed"
    WAREHOUSE = "warehouse killed"
    STORE = "store killed"
    WAREHOUSE_STOPPED = "warehouse stopped"
    API_ERRORS = "Spotify responds with 503"


STOPPED_SECONDS = 4.0


@dataclass(frozen=True)
class Blow:
    """`hit` in the run of `dag_id`, after `delay` of the time that it takes undisturbed."""

    hit: Hit
    dag_id: str
    delay: float

    def __str__(self) -> str:
        return f"{self.hit}, {self.dag_id}+{self.delay:.2f}"


def draw(seed: int) -> list[Blow]:
    """Two or three blows; seeds in a row go through all kinds."""
    dice = random.Random(f"airflow {seed}")
    hits = list(Hit)
    chosen = [hits[seed % len(hits)], *dice.choices(hits, k=dice.choice((1, 1, 2)))]
    # most of the time goes into dbt's tasks, and most of the tasks do
    blows = [Blow(hit, dice.choices(CHAIN, (5, 6, 1))[0], dice.random()) for hit in chosen]
    blows = [Blow(b.hit, CHAIN[0], b.delay) if b.hit is Hit.API_ERRORS else b for b in blows]
    return sorted(blows, key=lambda blow: (CHAIN.index(blow.dag_id), blow.delay))


def strike(running: Running, blow: Blow, run_id: str) -> bool:
    """Do it; False where there was nobody to hit."""
    if blow.hit is Hit.API_ERRORS:
        running.control.add_fault("status", status=503, path="^/v1/", times=12)
        return True
    if blow.hit is Hit.TASK:
        return _kill(_task_processes(running, blow.dag_id, run_id)[-1:])
    if blow.hit is Hit.WORKER:
        return _kill(_found(running, lambda title: "LocalExecutor" in title and "idle" not in title)[:1])
    if blow.hit is Hit.WAREHOUSE_STOPPED:
        stopped = processes.of_stack(running.stack.paths, service=services.WAREHOUSE)
        _send(stopped, signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        _send(stopped, signal.SIGCONT)
        return True
    if blow.hit is Hit.SCHEDULER:
        # its workers live on as orphans for a while: the worst case
        leaders = processes.of_stack(running.stack.paths, service=services.SCHEDULER)
        return _kill([p for p in leaders if _parent_is_supervisor(p)][:1])
    service = services.WAREHOUSE if blow.hit is Hit.WAREHOUSE else services.STORE
    return _kill(processes.of_stack(running.stack.paths, service=service))


def _task_processes(running: Running, dag_id: str, run_id: str) -> list[psutil.Process]:
    ids = [task["id"] for task in running.api.tasks(dag_id, run_id) if task["state"] == "running"]
    return _found(
        running, lambda title: "LocalExecutor" not in title and any(task_id in title for task_id in ids)
    )


def _found(running: Running, wanted: Callable[[str], bool]) -> list[psutil.Process]:
    found = []
    for process in processes.of_stack(running.stack.paths):
        with suppress(psutil.Error):
            if wanted(" ".join(process.cmdline())):
                found.append(process)
    return found


def _parent_is_supervisor(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        parent = process.parent()
        return parent is not None and "supervisor" in " ".join(parent.cmdline())
    return False


def _send(targets: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in targets:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _kill(targets: list[psutil.Process]) -> bool:
    _send(targets, signal.SIGKILL)
    return bool(targets)
