"""The tasks of a day as the DAG has them, and the processes of their attempts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from spotify_pipeline.stages.details import DETAILS
from tests.faults.driver import LISTENING, Step
from tests.faults.process_pool import Job
from tests.faults.random_faults import Strike


@dataclass
class Task:
    """A step and how far it is. `due`: when its next attempt may begin; `live`: attempts by process."""

    step: Step
    needs: tuple[str, ...]
    state: str = "waiting"
    tries: int = 0
    attempts: int = 0
    due: float = 0.0
    live: dict[int, tuple[Job, float]] = field(default_factory=dict)
    strikes: list[Strike] = field(default_factory=list)
    struck_at: float | None = None
    seconds: float = 0.0


def dag(steps: Iterable[Step]) -> dict[str, Task]:
    """Tasks with what each waits for, as the DAG has them; what is not among `steps` is done."""
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


def alive(tasks: dict[str, Task]) -> list[int]:
    """Processes of all attempts."""
    return [pid for task in tasks.values() for pid in task.live]


def go_on(pid: int, task: Task) -> None:
    """Let a stopped attempt live on."""
    send(pid, task, signal.SIGCONT)


def send(pid: int, task: Task, number: signal.Signals) -> bool:
    """Whether there was somebody to get it."""
    if pid in task.live:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
    return False
