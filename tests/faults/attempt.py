"""Runs one attempt of a step in its own process, as Airflow runs a task, and returns how it ended."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import stamina

from spotify_pipeline.errors import TransientError
from tests.faults.driver import Step, Work, perform
from tests.faults.environment import Environment
from tests.faults.interpose import Interposer, Way

LIMIT_SECONDS = 90.0
_MARK = b"\0\n"
Prepare = Callable[[], None]


@dataclass(frozen=True)
class Attempt:
    """How an attempt ended: done, transient, fatal, killed or hanging.

    `failed_calls` are the labels of the calls that were made to fail, `labels` are those of all calls.
    """

    ended: str
    result: Any = None
    error: str = ""
    failed_calls: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed_call(self) -> str | None:
        """The label of the first call that was made to fail."""
        return self.failed_calls[0] if self.failed_calls else None

    @property
    def is_done(self) -> bool:
        """Whether the step finished."""
        return self.ended == "done"


@dataclass
class Running:
    """An attempt that may not have ended yet."""

    pid: int
    reading: int
    began: float

    def is_stopped(self, limit: float = LIMIT_SECONDS) -> bool:
        """Wait until it has stopped itself (Way.STOPPED) or ended; return whether it is stopped."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            options = os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT
            changed = os.waitid(os.P_PID, self.pid, options)
            if changed is not None:
                return changed.si_code == os.CLD_STOPPED
            time.sleep(0.002)
        return False

    def has_ended(self) -> bool:
        """Return whether it has ended, in whatever way."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wake(self) -> None:
        """Continue it after a stop."""
        os.kill(self.pid, signal.SIGCONT)

    def finish(self, limit: float = LIMIT_SECONDS) -> Attempt:
        """Wait for its end, at most `limit` seconds from its beginning, and return how it ended."""
        received, in_time = _read(self.reading, self.began + limit)
        os.close(self.reading)
        if not in_time:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        seconds = time.monotonic() - self.began
        *announced, last = received.split(_MARK)
        failed = [label.decode() for label in announced]
        if not in_time:
            error = f"not at its end after {limit:g} s"
            return Attempt("hanging", error=error, failed_calls=failed, seconds=seconds)
        if os.WIFSIGNALED(status):
            return Attempt("killed", failed_calls=failed, seconds=seconds)
        if not last:
            # raised, so that a bug that could not be planted does not count as found
            raise RuntimeError("the attempt could not begin: see its error above")
        ended, result, error, labels = pickle.loads(last)  # noqa: S301 - our own child wrote it
        return Attempt(ended, result, error, failed, labels, seconds)


def start(
    environment: Environment,
    step: Step,
    carried: Mapping[str, Any],
    *,
    number: int = 1,
    faults: Mapping[int, Way] | None = None,
    prepare: Prepare | None = None,
    work: Work = perform,
    repeats_requests: bool = False,
) -> Running:
    """Fork and run the step in the child as try `number`; its calls of these numbers fail.

    `prepare` runs in the child first: it plants a bug. With `repeats_requests` a failed request is repeated
    within the attempt, as in production; this would hide what a retry of the task must repair.
    """
    reading, writing = os.pipe()
    gc.freeze()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        send = partial(_write_all, writing)
        interposer = Interposer(faults, lambda label: send(label.encode() + _MARK))
        stamina.set_testing(True, attempts=3 if repeats_requests else 1, cap=True)
        _child(send, interposer, prepare, lambda: work(environment.runtime(number), step, carried))
    os.close(writing)
    return Running(pid, reading, began)


def attempt(
    environment: Environment,
    step: Step,
    carried: Mapping[str, Any],
    *,
    limit: float = LIMIT_SECONDS,
    **more: Any,
) -> Attempt:
    """Start an attempt and wait until it has ended, at most `limit` seconds."""
    return start(environment, step, carried, **more).finish(limit)


def _child(
    send: Callable[[bytes], None], interposer: Interposer, prepare: Prepare | None, do: Callable[[], Any]
) -> None:
    status = 1
    try:
        logging.disable(logging.CRITICAL)
        interposer.install()
        if prepare is not None:
            prepare()
        ended, result, error = "done", None, ""
        try:
            result = do()
        except TransientError as failure:
            ended, error = "transient", f"{type(failure).__name__}: {failure}"
        except Exception as failure:
            ended, error = "fatal", f"{type(failure).__name__}: {failure}"
        send(pickle.dumps((ended, result, error, interposer.labels)))
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        # skips the exit handlers and buffers that were inherited from the parent
        os._exit(status)


def _write_all(writing: int, data: bytes) -> None:
    while data:
        data = data[os.write(writing, data) :]


def _read(reading: int, deadline: float) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([reading], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            return b"".join(parts), False
        part = os.read(reading, 2**16)
        if not part:
            return b"".join(parts), True
        parts.append(part)
