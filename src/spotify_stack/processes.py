"""Finding and ending the processes of one stack, by the variable that all of them carry."""

from __future__ import annotations

import os
from collections.abc import Iterable

import psutil

from spotify_stack.state import SERVICE_VARIABLE, STACK_VARIABLE, StackPaths


def of_stack(paths: StackPaths, *, service: str | None = None) -> list[psutil.Process]:
    """Processes of the stack in `paths`, this one and its parents excepted.

    The variable is inherited, so orphans of a killed supervisor are found as well. Descendants count without
    it: Postgres' sessions write their titles over their environment.

    Args:
        paths: whose processes.
        service: only those of this service.
    """
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if environment.get(STACK_VARIABLE) != str(paths.root):
                continue
            if service is None or environment.get(SERVICE_VARIABLE) == service:
                found |= {process, *process.children(recursive=True)}
        except (psutil.Error, OSError):  # ended meanwhile, or another user's: not ours
            continue
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in found if process.pid not in own and _lives(process)]


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end(processes: Iterable[psutil.Process], *, grace: float = 5) -> None:
    """Send SIGTERM, wait up to `grace` seconds, then SIGKILL, and wait until all are gone."""
    remaining = list(processes)
    for stop in (psutil.Process.terminate, psutil.Process.kill):
        for process in remaining:
            try:
                stop(process)
            except psutil.NoSuchProcess:
                continue
        _, remaining = psutil.wait_procs(remaining, timeout=grace if stop is psutil.Process.terminate else 10)
        if not remaining:
            return


def end_survivors(paths: StackPaths, *, service: str | None = None, grace: float = 5) -> int:
    """End every process of the stack, or of one service, that is still there; gives their number.

    Looks again after each round: a process may have forked while it was being ended.
    """
    ended = 0
    for _ in range(5):
        survivors = of_stack(paths, service=service)
        if not survivors:
            break
        ended += len(survivors)
        end(survivors, grace=grace)
        grace = 0
    return ended
