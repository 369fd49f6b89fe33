"""A server as a child of this process, without a supervisor: for tests and one-off tools."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from spotify_stack.health import wait_until

STOP_SECONDS = 10


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
    """Start `command` in a process group of its own, wait for `check`, and end the whole group afterwards.

    Raises:
        NotReady: it ended early or did not become healthy in `timeout` seconds; the message names the log.
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
        _end(process, stop_signal)


def _end(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(stop_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    # what is left of the group, the leader included
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
