"""Tests finding, ending and measuring the processes of a stack."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spotify_stack import processes
from spotify_stack.health import NotReady, wait_until
from spotify_stack.paths import StackPaths
from spotify_stack.state import SERVICE_VARIABLE, STACK_VARIABLE

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('up', flush=True); time.sleep(600)",
]
# starts a grandchild in a session of its own, without the variable, and waits
PARENT = [
    sys.executable,
    "-c",
    "import os, subprocess, sys, time\n"
    "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
    "subprocess.Popen(sleep, env={}, start_new_session=True)\n"
    "print('up', flush=True); time.sleep(600)",
]

MEGABYTES = 60
HOLDER = f"import sys; held = bytearray({MEGABYTES} * 2**20); print('held', flush=True); sys.stdin.read()"


class Starter:
    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def __call__(self, command: list[str], paths: StackPaths, service: str = "scheduler") -> psutil.Process:
        marks = {STACK_VARIABLE: str(paths.root), SERVICE_VARIABLE: service}
        process = subprocess.Popen(  # noqa: S603 - our own command line
            command, env=os.environ | marks, stdout=subprocess.PIPE, text=True
        )
        self.started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return psutil.Process(process.pid)


@pytest.fixture
def start() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    for process in starter.started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    return StackPaths(tmp_path / "one")


def test_only_processes_of_this_stack_are_found(start: Starter, paths: StackPaths, tmp_path: Path) -> None:
    mine = start(SLEEP, paths)
    start(SLEEP, StackPaths(tmp_path / "other"))
    # a folder whose name has the same beginning is another stack
    start(SLEEP, StackPaths(tmp_path / "one-more"))
    assert processes.of_stack(paths) == [mine]


def test_processes_of_one_service_are_found(start: Starter, paths: StackPaths) -> None:
    scheduler, sandbox = start(SLEEP, paths, "scheduler"), start(SLEEP, paths, "sandbox")
    assert processes.of_stack(paths, service="scheduler") == [scheduler]
    assert set(processes.of_stack(paths)) == {scheduler, sandbox}


def test_the_searching_process_is_not_found(monkeypatch: pytest.MonkeyPatch, paths: StackPaths) -> None:
    script = (
        "from pathlib import Path; from spotify_stack import paths, processes\n"
        f"print(processes.of_stack(paths.StackPaths(Path({str(paths.root)!r}))))"
    )
    shown = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", script],
        env=os.environ | {STACK_VARIABLE: str(paths.root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "[]"


def test_descendants_in_another_session_are_ended(start: Starter, paths: StackPaths) -> None:
    parent = start(PARENT, paths)
    [grandchild] = parent.children()
    assert processes.end_survivors(paths) == 2
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_ignores_sigterm_is_killed(start: Starter, paths: StackPaths) -> None:
    stubborn = start(STUBBORN, paths)
    begun = time.monotonic()
    assert processes.end_survivors(paths, grace=0.3) == 1
    assert time.monotonic() - begun < 5
    assert not stubborn.is_running()


def test_without_processes_none_is_ended(paths: StackPaths) -> None:
    assert processes.end_survivors(paths) == 0


def test_a_process_title_does_not_hide_the_mark(start: Starter, paths: StackPaths) -> None:
    """Airflow sets titles with setproctitle, which overwrites the environment by default."""
    titled = [
        sys.executable,
        "-c",
        "import time\n"
        "import setproctitle; setproctitle.setproctitle('airflow worker' + 'x' * 2000)\n"
        "print('up', flush=True); time.sleep(600)",
    ]
    os.environ["SPT_NOENV"] = "1"
    try:
        worker = start(titled, paths)
    finally:
        del os.environ["SPT_NOENV"]
    assert processes.of_stack(paths) == [worker]


def test_peak_memory_counts_a_process_that_has_ended(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    with processes.PeakMemory(lambda: processes.memory_used(paths), interval=0.01) as measured:
        assert processes.memory_used(paths) == 0
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-c", HOLDER],
            env=os.environ | {STACK_VARIABLE: str(paths.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert processes.memory_used(paths) > MEGABYTES * 2**20

        def seen() -> None:
            if measured.peak <= MEGABYTES * 2**20:
                raise NotReady("not measured yet")

        wait_until(seen, timeout=30, what="a measurement", poll=0.02)
        process.communicate()
    assert MEGABYTES * 2**20 < measured.peak < 20 * MEGABYTES * 2**20
    assert processes.memory_used(paths) == 0
