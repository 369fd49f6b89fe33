"""The tasks of a day with their dependencies in the DAG, and the processes of their attempts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from spotify_pipeline.stages.details import DETAILS
from tests.faults.driver import LISTENING, Step
from tests.faults.process_pool import Job
from tests.faults.random_faults import Injection

WAVES = (0, 1)
"""The parts of a day; the second begins when the first has ended."""


def wave_of(step: str) -> int:
    """Return the part of the day of a step: 0 up to the loads of the sources, 1 what follows them."""
    task, _, source = step.partition(" ")
    return int(task == "reconcile" or source in {DETAILS, LISTENING})


@dataclass
class Task:
    """A step and its state; `due` is when its next attempt may begin, `live` its attempts by process id."""

    step: Step
    needs: tuple[str, ...]
    state: str = "waiting"
    tries: int = 0
    attempts: int = 0
    due: float = 0.0
    live: dict[int, tuple[Job, float]] = field(default_factory=dict)
    injections: list[Injection] = field(default_factory=list)
    injected_at: float | None = None
    seconds: float = 0.0


def dag(steps: Iterable[Step]) -> dict[str, Task]:
    """Return the tasks with their dependencies in the DAG; steps that are not given count as done."""
    found = {str(step): step for step in steps}
    tasks = {}
    for name, step in found.items():
        if step.task == "plan":
            needs: list[str] = []
        elif step.task in {"fetch", "listen"}:
            needs = ["plan"]
            if step.source in {DETAILS, LISTENING}:
                needs = [n for n in found if n.startswith("load ") and n[5:] not in {DETAILS, LISTENING}]
                needs.append("plan")
        elif step.task == "validate":
            needs = [f"{'listen' if step.source == LISTENING else 'fetch'} {step.source}"]
        elif step.task == "load":
            needs = [f"validate {step.source}"]
        else:
            needs = [n for n in found if n.startswith("load ")]
        tasks[name] = Task(step, tuple(n for n in needs if n in found))
    return tasks


def live_processes(tasks: dict[str, Task]) -> list[int]:
    """Return the process ids of all attempts that run."""
    return [pid for task in tasks.values() for pid in task.live]


def resume(pid: int, task: Task) -> None:
    """Continue a stopped attempt."""
    send(pid, task, signal.SIGCONT)


def send(pid: int, task: Task, number: signal.Signals) -> bool:
    """Send a signal to an attempt; return whether its process existed."""
    if pid in task.live:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
    return False
