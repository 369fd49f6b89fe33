"""Tests starting, killing and stopping a stack from the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from spotify_pipeline.doctor.ports import is_free
from spotify_stack import processes, services
from spotify_stack.health import NotReady, wait_until
from spotify_stack.paths import FOLDER_VARIABLE, StackPaths
from spotify_stack.state import SERVICE_VARIABLE, load
from spotify_stack.supervision import SUPERVISOR, Supervisor

from .conftest import Running

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

START_SECONDS = 300


def command_line(paths: StackPaths, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command line
        [str(Path(sys.executable).parent / "spotify-pipeline"), *arguments],
        env=os.environ | {FOLDER_VARIABLE: str(paths.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(paths: StackPaths, *arguments: str) -> tuple[int, str]:
    process = command_line(paths, *arguments)
    output, _ = process.communicate(timeout=START_SECONDS)
    return process.returncode, output


@contextmanager
def own_stack(folder: Path) -> Iterator[StackPaths]:
    """Yield a folder for a second stack, and end what a failed test leaves running in it."""
    paths = StackPaths(folder / "second")
    try:
        yield paths
    finally:
        processes.end_survivors(paths, grace=0)


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; an orphan that its new parent has not collected yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def title(process: psutil.Process) -> str:
    """Return the command line of a process, or nothing once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def eventually(check: Callable[[], None], what: str, timeout: float = 90) -> None:
    wait_until(check, timeout=timeout, what=what, poll=0.2)


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (signal.SIGINT, "Starting the stack"),
        (signal.SIGTERM, "warehouse-postgres ready"),
        (signal.SIGHUP, "Airflow's database ready"),
    ],
)
def test_an_interrupted_start_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals, line: str
) -> None:
    with own_stack(tmp_path) as paths:
        process = command_line(paths, "up")
        assert process.stdout is not None
        for shown in process.stdout:
            if line in shown:
                break
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(60) == 130, rest
        assert processes.of_stack(paths) == []
        if paths.state.exists():
            assert all(is_free(port) for port in load(paths).ports.values())


def test_a_failed_start_gives_a_reason_and_leaves_no_process(tmp_path: Path) -> None:
    with own_stack(tmp_path) as paths:
        (paths.root / services.WAREHOUSE).mkdir(parents=True)
        (paths.root / services.WAREHOUSE / "somebody's file").touch()
        status, output = run(paths, "up")
        assert status == 1
        assert "error: Postgres data folder" in output
        assert "Traceback" not in output
        assert processes.of_stack(paths) == []


def test_down_without_a_stack_is_no_error(tmp_path: Path) -> None:
    with own_stack(tmp_path) as paths:
        assert run(paths, "down")[0] == 0
        status, output = run(paths, "status")
        assert (status, "not running" in output) == (1, True)


def supervisor_of(paths: StackPaths) -> psutil.Process:
    found = [process for process in processes.of_stack(paths) if service_of(process) == SUPERVISOR]
    if not found:
        raise NotReady("no supervisor was found")
    # it forks before each service that it starts: the oldest process is the supervisor
    return min(found, key=lambda process: process.create_time())


def service_of(process: psutil.Process) -> str | None:
    """Return the service that a process belongs to, or None once it has ended."""
    try:
        return process.environ().get(SERVICE_VARIABLE)
    except psutil.NoSuchProcess:
        return None


def pid_of(running: Running, name: str) -> int:
    return Supervisor(running.state).status(name)[1]


@pytest.mark.parametrize("name", services.ALL)
def test_a_killed_service_comes_back(running: Running, name: str) -> None:
    killed = pid_of(running, name)
    workers = [
        process for process in psutil.Process(killed).children(recursive=True) if name == services.SCHEDULER
    ]
    os.kill(killed, signal.SIGKILL)
    service = services.all_services(running.state)[name]

    def check() -> None:
        statename, pid = Supervisor(running.state).status(name)
        if statename != "RUNNING" or pid == killed:
            raise NotReady(f"{name} is {statename}")
        service.check()

    eventually(check, f"the new {name}")

    def gone() -> None:
        if left := [worker.pid for worker in workers if is_alive(worker)]:
            raise NotReady(f"workers {left} of the killed scheduler are still there")

    eventually(gone, "the end of the old workers", timeout=30)


def test_every_process_of_the_stack_is_recognised(running: Running) -> None:
    """The descendants of supervisord must be the processes with the stack's mark."""
    marked: set[psutil.Process] = set()

    def both_agree() -> None:  # Airflow forks all the time: a process may start between the two listings
        supervisor = supervisor_of(running.stack.paths)
        family = {supervisor, *supervisor.children(recursive=True)}
        marked.update(processes.of_stack(running.stack.paths))
        if unmarked := [process for process in family - marked if is_alive(process)]:
            raise NotReady(f"not recognised: {unmarked}")
        # a scheduler that has just come back warms up before it makes its workers
        if not any("LocalExecutor" in title(process) for process in marked):
            raise NotReady("the scheduler has no workers yet")

    eventually(both_agree, "equal listings")
    workers = [process for process in marked if "LocalExecutor" in title(process)]
    assert {service_of(process) for process in workers} == {services.SCHEDULER}


def listening_addresses(process: psutil.Process) -> set[tuple[str, str]]:
    """Return the addresses that a process listens on, with its name; none once it has ended."""
    try:
        return {
            (connection.laddr.ip, process.name())
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
    except psutil.NoSuchProcess:
        return set()


def test_nothing_listens_beyond_this_machine(running: Running) -> None:
    listening = set().union(*map(listening_addresses, processes.of_stack(running.stack.paths)))
    assert {address for address, _ in listening} == {"127.0.0.1"}, listening


def test_a_second_stack_runs_at_the_same_time(running: Running, tmp_path: Path) -> None:
    """It takes other ports; a second start changes nothing; its stop leaves the first stack running."""
    with own_stack(tmp_path) as paths:
        status, output = run(paths, "up")
        assert status == 0, output
        second = load(paths)
        # neither stack has a broker, so both may have set the same port aside for it
        both = [
            {port for name, port in s.ports.items() if name != services.BROKER}
            for s in (second, running.state)
        ]
        assert both[0].isdisjoint(both[1])
        pids = {name: Supervisor(second).status(name)[1] for name in services.ALL}

        status, output = run(paths, "up")
        assert (status, second.airflow_url in output) == (0, True), output
        assert {name: Supervisor(second).status(name)[1] for name in services.ALL} == pids

        # the worst way to lose a supervisor: all its services become orphans
        before = [psutil.Process(pid) for pid in pids.values()]
        supervisor = supervisor_of(paths)
        supervisor.kill()
        supervisor.wait(10)
        assert all(process.is_running() for process in before)
        status, output = run(paths, "down")
        assert status == 0, output
        assert processes.of_stack(paths) == []
        assert not any(is_alive(process) for process in before)
        assert all(is_free(port) for port in second.ports.values())
    for service in services.all_services(running.state).values():
        service.check()
