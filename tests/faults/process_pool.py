"""Runs attempts of steps, each in its own process, forked from one that has imported everything.

The pool reads jobs from its standard input and forks. It writes to its standard output which attempts have
ended; an attempt writes its result to a file, which is complete when it exists. The first jobs warm the pool
up: it runs them itself, so that the attempts do not each import and compile the same things again.
"""

from __future__ import annotations

import logging
import os
import pickle
import select
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import stamina

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConnectionMissing, TerminalError, TransientError
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify import transport
from spotify_pipeline.stages import runtime
from spotify_pipeline.warehouse import load
from tests.faults.driver import Step, perform
from tests.faults.warm import warm_up

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Job:
    """One attempt; `clock_off` is the error of this machine's clock, `result` the file to write."""

    connections: Mapping[str, ConnectionInfo]
    folder: Path
    step: Step
    carried: Mapping[str, Any]
    number: int
    last: bool
    clock_off: timedelta
    result: Path


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: done, transient, terminal, killed, or crashed (no error of the pipeline)."""

    ended: str
    result: Any = None
    error: str = ""


class ProcessPool:
    """The parent's side. Use it as a context manager."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._ends: list[int] = []

    def __enter__(self) -> Self:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.process_pool"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
            )
        _read(self._stdout)  # ready
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(120)

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def start(self, job: Job) -> int:
        """Fork an attempt and return its process id; attempts that end meanwhile are kept for `ended`."""
        assert self._process.stdin is not None
        _write(self._process.stdin, ("start", job))
        while True:
            what, pid = _read(self._stdout)
            if what == "began":
                return int(pid)
            self._ends.append(int(pid))

    def warm_up(self, job: Job) -> Outcome:
        """Run an attempt in the pool's own process; those that are forked later find it warm."""
        assert self._process.stdin is not None
        _write(self._process.stdin, ("warm up", job))
        return Outcome(*_read(self._stdout)[1])

    def ended(self, seconds: float) -> list[int]:
        """Return attempts that have ended since the last call; wait up to `seconds` for the first."""
        while select.select([self._stdout], [], [], 0 if self._ends else seconds)[0]:
            self._ends.append(int(_read(self._stdout)[1]))
        found, self._ends = self._ends, []
        return found


def outcome(job: Job) -> Outcome:
    """Return the outcome of an attempt that has ended."""
    try:
        return Outcome(*pickle.loads(job.result.read_bytes()))  # noqa: S301 - our own child wrote it
    except FileNotFoundError:
        return Outcome("killed")


@cache
def _settings(folder: Path) -> Settings:
    """Return the settings of all attempts; to read the environment would take a third of each."""
    return Settings(
        sources=folder / "sources.yml",
        login_file=folder / "login.json",
        fetch_concurrency=3,
        detail_calls_development=4,
        quarantine_share=0.2,
        request_timeout=4,
    )


def _attempt(job: Job) -> tuple[str, Any, str]:
    if job.clock_off:

        class Wrong(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.now(tz) + job.clock_off

        for module in (transport, load):
            module.datetime = Wrong  # type: ignore[attr-defined]

    def lookup(conn_id: str) -> ConnectionInfo:
        if conn_id not in job.connections:
            raise ConnectionMissing(f"connection '{conn_id}' is not defined")
        return job.connections[conn_id]

    attempt = runtime.Attempt("faults", job.number)
    made = runtime.Runtime(settings=_settings(job.folder), lookup=lookup, attempt=attempt)
    try:
        return "done", perform(made, job.step, job.carried, tries_left=not job.last), ""
    except TransientError as error:
        return "transient", None, f"{type(error).__name__}: {error}"
    except TerminalError as error:
        return "terminal", None, f"{type(error).__name__}: {error}"
    except Exception as error:
        return "crashed", None, f"{type(error).__name__}: {error}"


def _child(job: Job) -> None:
    try:
        result = _attempt(job)
        unfinished = job.result.with_suffix(".unfinished")
        unfinished.write_bytes(pickle.dumps(result))
        unfinished.rename(job.result)
    finally:
        os._exit(0)


def _write(pipe: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value)
    data = struct.pack("I", len(data)) + data
    while data:
        data = data[pipe.write(data) or 0 :]


def _read(pipe: IO[bytes]) -> Any:
    length = struct.unpack("I", _exactly(pipe, 4))[0]
    return pickle.loads(_exactly(pipe, length))  # noqa: S301 - our own pipe


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = pipe.read(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def main() -> None:
    """Run the pool: fork on demand, report which attempts have ended, until standard input is closed."""
    logging.disable(logging.CRITICAL)
    # retries within an attempt stay, but without their waits
    stamina.set_testing(True, attempts=3, cap=True)
    jobs = os.fdopen(0, "rb", buffering=0, closefd=False)
    events = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # output of libraries must not mix with the pool's messages
    _write(events, ("ready", 0))
    running: set[int] = set()
    while True:
        if select.select([jobs], [], [], 0.004 if running else 1.0)[0]:
            try:
                what, job = _read(jobs)
            except EOFError:
                return
            if what == "warm up":
                warm_up([job.step], lambda *_: _write(events, ("ended", _attempt(job))))  # noqa: B023
                continue
            pid = os.fork()
            if pid == 0:
                os.close(0)
                _child(job)
            running.add(pid)
            _write(events, ("began", pid))
        for pid in list(running):
            if os.waitpid(pid, os.WNOHANG)[0]:
                running.discard(pid)
                _write(events, ("ended", pid))


if __name__ == "__main__":
    main()
