"""Operating-system processes of a stack: run one as a child, find, end and measure all of them.

Every process of a stack carries an environment variable with the folder of the stack.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from spotify_stack.health import wait_until
from spotify_stack.paths import StackPaths
from spotify_stack.state import SERVICE_VARIABLE, STACK_VARIABLE

STOP_SECONDS = 10
MEASURE_SECONDS = 10.0


@contextmanager
def running(
    command: list[str],
    *,
    check: Callable[[], None],
    log: Path,
    what: str,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    timeout: float = 60,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server as a child process, without a supervisor: for tests and developer tools.

    The server gets a process group of its own, and the whole group is ended afterwards.

    Args:
        command: Command line of the server.
        check: Raises NotReady while the server is not healthy.
        log: File to which the output is appended.
        what: Name of the server for error messages.
        environment: Variables in addition to those of this process.
        stop_signal: Signal that asks the server to stop.
        timeout: Seconds to wait for `check`.

    Yields:
        The process, once `check` passes.

    Raises:
        NotReady: it ended early or did not become healthy in time; the message names the log.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - callers give their own command lines
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | dict(environment or {}),
            start_new_session=True,
        )
    try:
        wait_until(
            check,
            timeout=timeout,
            what=f"{what} (log: {log})",
            given_up=lambda: None if process.poll() is None else f"it ended with status {process.returncode}",
        )
        yield process
    finally:
        _end_group(process, stop_signal)


def _end_group(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(stop_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    # the rest of the group, including its leader
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def of_stack(paths: StackPaths, *, service: str | None = None) -> list[psutil.Process]:
    """Return the processes of a stack, except this process and its parents.

    The variable is inherited, so orphans of a killed supervisor are found too. Descendants count even
    without the variable, because Postgres sessions write their titles over their environment.

    Args:
        paths: Folder of the stack.
        service: Return only the processes of this service.
    """
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if environment.get(STACK_VARIABLE) != str(paths.root):
                continue
            if service is None or environment.get(SERVICE_VARIABLE) == service:
                found |= {process, *process.children(recursive=True)}
        except (psutil.Error, OSError):  # it has ended, or belongs to another user
            continue
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in found if process.pid not in own and _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end(processes: Iterable[psutil.Process], *, grace: float = 5) -> None:
    """Send SIGTERM, wait up to `grace` seconds, send SIGKILL, and wait until all processes are gone."""
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
    """End every remaining process of the stack, or of one service.

    Searches again after each round, because a process may have forked while it was being ended.

    Returns:
        Number of processes that were ended.
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


def memory_used(paths: StackPaths) -> int:
    """Return the bytes that all processes of the stack use: see `memory_of`."""
    return memory_of(of_stack(paths))


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started, or none if it has ended."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory_of(processes: Iterable[psutil.Process]) -> int:
    """Return the bytes that processes use, with shared memory counted once (PSS).

    Resident memory is used if the system does not report PSS to this user.
    """
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.AccessDenied:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


class PeakMemory:
    """Measures memory in the background while a `with` block runs.

    Attributes:
        peak: Greatest number of bytes measured so far.
    """

    def __init__(self, measure: Callable[[], int], *, interval: float = MEASURE_SECONDS) -> None:
        self.peak = 0
        self._measure_now = measure
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
            self.peak = max(self.peak, self._measure_now())
            if self._done.wait(self._interval):
                return
