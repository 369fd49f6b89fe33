"""Injects faults into a running Airflow; a seed determines which and when."""

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
from tests.faults import airflow_scheduler


class Kind(StrEnum):
    """What is killed (always by SIGKILL), stopped for some seconds, or fails."""

    TASK = "task killed"
    WORKER = "LocalExecutor worker killed"
    SCHEDULER = "scheduler killed"
    WAREHOUSE = "warehouse killed"
    STORE = "store killed"
    METADATA = "Airflow's database killed"
    API_SERVER = "API server killed"
    DAG_PROCESSOR = "DAG processor killed"
    TRIGGERER = "triggerer killed"
    WAREHOUSE_STOPPED = "warehouse stopped"
    API_ERRORS = "Spotify returns 503"
    SECOND_SCHEDULER = "second scheduler killed"


STOPPED_SECONDS = 4.0
_SERVICES = {
    Kind.SCHEDULER: services.SCHEDULER,
    Kind.WAREHOUSE: services.WAREHOUSE,
    Kind.STORE: services.STORE,
    Kind.METADATA: services.METADATA,
    Kind.API_SERVER: services.API_SERVER,
    Kind.DAG_PROCESSOR: services.DAG_PROCESSOR,
    Kind.TRIGGERER: services.TRIGGERER,
}


@dataclass(frozen=True)
class Fault:
    """A fault in the run of `dag_id`, after the share `delay` of the run's usual duration."""

    kind: Kind
    dag_id: str
    delay: float

    def __str__(self) -> str:
        return f"{self.kind}, {self.dag_id}+{self.delay:.2f}"


def draw(seed: int) -> list[Fault]:
    """Return the two or three faults of a seed; seeds in a row go through all kinds."""
    rng = random.Random(f"airflow {seed}")
    kinds = list(Kind)
    chosen = [kinds[seed % len(kinds)], *rng.choices(kinds, k=rng.choice((1, 1, 2)))]
    # weighted by duration: transform is the longest run
    faults = [Fault(kind, rng.choices(CHAIN, (5, 6, 1))[0], rng.random()) for kind in chosen]
    faults = [Fault(b.kind, CHAIN[0], b.delay) if b.kind is Kind.API_ERRORS else b for b in faults]
    return sorted(faults, key=lambda fault: (CHAIN.index(fault.dag_id), fault.delay))


def inject(running: Running, fault: Fault, run_id: str) -> bool:
    """Cause a fault; return False if there was no process to kill."""
    if fault.kind is Kind.API_ERRORS:
        running.control.add_fault("status", status=503, path="^/v1/", times=12)
        return True
    if fault.kind is Kind.TASK:
        return _kill(_task_processes(running, fault.dag_id, run_id)[-1:])
    if fault.kind is Kind.WORKER:
        return _kill(_found(running, lambda title: "LocalExecutor" in title and "idle" not in title)[:1])
    if fault.kind is Kind.WAREHOUSE_STOPPED:
        stopped = processes.of_stack(running.stack.paths, service=services.WAREHOUSE)
        _send(stopped, signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        _send(stopped, signal.SIGCONT)
        return True
    if fault.kind is Kind.SECOND_SCHEDULER:
        return _kill(airflow_scheduler.leader(running))
    found = processes.of_stack(running.stack.paths, service=_SERVICES[fault.kind])
    if fault.kind is Kind.SCHEDULER:
        # its workers continue as orphans for a while, which is the worst case
        found = [p for p in found if _parent_is_supervisor(p)][:1]
    return _kill(found)


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
