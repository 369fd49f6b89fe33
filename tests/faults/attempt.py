"""One attempt of a step in a process of its own, as a task's is; and what became of it."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import select
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import stamina

from spotify_pipeline.errors import TransientError
from tests.faults.driver import Step, Work, perform
from tests.faults.interpose import Interposer, Way
from tests.faults.world import World

LIMIT_SECONDS = 90.0
Prepare = Callable[[], None]


@dataclass(frozen=True)
class Attempt:
    """`ended`: done, transient, fatal, killed or hanging. `error` is its sentence, `struck` the call hit."""

    ended: str
    result: Any = None
    error: str = ""
    struck: str | None = None
    labels: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether the step came to its end."""
        return self.ended == "done"


def attempt(
    world: World,
    step: Step,
    carried: Mapping[str, Any],
    *,
    number: int = 1,
    strike: int = 0,
    way: Way = Way.REFUSED,
    prepare: Prepare | None = None,
    work: Work = perform,
    limit: float = LIMIT_SECONDS,
) -> Attempt:
    """Fork, do the step there, and tell how it ended; at most `limit` seconds.

    `prepare` runs in the child first: that is where planted bugs are planted.
    """
    began = time.monotonic()
    reading, writing = os.pipe()
    gc.freeze()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(world, step, carried, number, strike, way, prepare, work, writing)
    os.close(writing)
    told, in_time = _read(reading, began + limit)
    os.close(reading)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - began
    *announced, last = told.split(b"\0\n") if told else [b""]
    struck = announced[0].decode() if announced else None
    if not in_time:
        return Attempt("hanging", error=f"not at its end after {limit:g} s", struck=struck, seconds=seconds)
    if os.WIFSIGNALED(status):
        return Attempt("killed", struck=struck, seconds=seconds)
    ended, result, error, labels = pickle.loads(last)  # noqa: S301 - our own child wrote it
    return Attempt(ended, result, error, struck, labels, seconds)


def _child(
    world: World,
    step: Step,
    carried: Mapping[str, Any],
    number: int,
    strike: int,
    way: Way,
    prepare: Prepare | None,
    work: Work,
    writing: int,
) -> None:
    status = 1
    try:
        logging.disable(logging.CRITICAL)
        # the retries within an attempt would hide what the retry of the task has to repair
        stamina.set_testing(True, attempts=1)
        interposer = Interposer(strike, way, lambda label: _tell(writing, label.encode() + b"\0\n"))
        interposer.install()
        if prepare is not None:
            prepare()
        ended, result, error = "done", None, ""
        try:
            result = work(world.runtime(number), step, carried)
        except TransientError as failure:
            ended, error = "transient", f"{type(failure).__name__}: {failure}"
        except Exception as failure:
            ended, error = "fatal", f"{type(failure).__name__}: {failure}"
        _tell(writing, pickle.dumps((ended, result, error, interposer.labels)))
        status = 0
    finally:
        # no handler of the parent's, no flushing of its buffers
        os._exit(status)


def _tell(writing: int, data: bytes) -> None:
    while data:
        data = data[os.write(writing, data) :]


def _read(reading: int, deadline: float) -> tuple[bytes, bool]:
    parts = []
    while True:
        ready, _, _ = select.select([reading], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            return b"".join(parts), False
        part = os.read(reading, 2**16)
        if not part:
            return b"".join(parts), True
        parts.append(part)
