"""How much memory a stack takes at its peak."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil

from spotify_stack import processes
from spotify_stack.state import StackPaths

INTERVAL_SECONDS = 5.0


def used(paths: StackPaths) -> int:
    """Bytes that all processes of the stack take; what several share is counted once (PSS).

    Where the system does not tell PSS, or not to this user, resident memory stands for it.
    """
    total = 0
    for process in processes.of_stack(paths):
        try:
            total += process.memory_full_info().pss
        except psutil.AccessDenied:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


class PeakMemory:
    """Measures in the background, every five seconds, while the block lasts; `peak` is in bytes."""

    def __init__(self, paths: StackPaths, *, interval: float = INTERVAL_SECONDS) -> None:
        self.peak = 0
        self._paths = paths
        self._interval = interval
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="peak-memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _measure(self) -> None:
        while True:
            self.peak = max(self.peak, used(self._paths))
            if self._done.wait(self._interval):
                return
