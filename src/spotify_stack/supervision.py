"""Configures, starts and stops supervisord, and calls it.

Supervisor restarts services that end, rotates their logs and stops process groups. It starts no service by
itself: `stack` starts them in order, with health checks.
"""

from __future__ import annotations

import http.client
import io
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable
from configparser import RawConfigParser
from typing import Any

import psutil

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.files import write_atomically
from spotify_stack import processes
from spotify_stack.airflow_environment import inherited
from spotify_stack.health import NotReady, wait_until
from spotify_stack.postgres import is_root
from spotify_stack.services import Service
from spotify_stack.state import SERVICE_VARIABLE, STACK_VARIABLE, StackState

USER = "stack"
SUPERVISOR = "supervisor"
# a port that is not free yet is free at the second or third start
EARLY_ENDS = 3
RUNNING = frozenset({"RUNNING"})
STOPPED = frozenset({"STOPPED", "EXITED", "FATAL", "UNKNOWN"})
# xmlrpc faults of supervisor: NOT_RUNNING and ALREADY_STARTED
NOT_RUNNING, ALREADY_STARTED = 70, 60


def configuration(state: StackState, services: Iterable[Service]) -> RawConfigParser:
    """Return supervisord.conf for these services; its paths are relative to the folder of the stack."""
    config = RawConfigParser()
    config["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",
        "logfile": f"logs/{SUPERVISOR}.log",
        "logfile_maxbytes": "5MB",
        "logfile_backups": "1",
        "pidfile": "supervisord.pid",
        "childlogdir": "logs",
        "identifier": "spotify-pipeline",
        **({"user": "root"} if is_root() else {}),
    }
    config["inet_http_server"] = {
        "port": f"127.0.0.1:{state.ports['supervisor']}",
        "username": USER,
        "password": state.secrets["supervisor"],
    }
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    # '%' starts an expansion in this format
    python = sys.executable.replace("%", "%%")
    for service in services:
        config[f"program:{service.name}"] = {
            "command": f'"{python}" -m spotify_stack.launch {service.name}',
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "2",
            "startretries": "20",
            "stopsignal": service.stop_signal,
            "stopwaitsecs": str(service.stop_seconds),
            "stopasgroup": "true",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": f"logs/{service.name}.log",
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "2",
        }
    return config


class Supervisor:
    """A client for the supervisord of one stack."""

    def __init__(self, state: StackState) -> None:
        self._state = state
        self._address = (
            f"http://{USER}:{state.secrets['supervisor']}@127.0.0.1:{state.ports['supervisor']}/RPC2"
        )

    def start(self, services: Iterable[Service]) -> None:
        """Write the configuration and start supervisord, detached from this terminal.

        Raises:
            NotReady: it ended, or does not respond within 20 s.
        """
        paths = self._state.paths
        text = io.StringIO()
        configuration(self._state, services).write(text)
        write_atomically(paths.supervisor_config, text.getvalue(), mode=0o600)
        environment = inherited() | {STACK_VARIABLE: str(paths.root), SERVICE_VARIABLE: SUPERVISOR}
        with paths.log(f"{SUPERVISOR}-output").open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(paths.supervisor_config)],
                cwd=paths.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(
            self.check,
            timeout=20,
            what=f"supervisord (log: {paths.log(SUPERVISOR)})",
            given_up=lambda: None if process.poll() is None else f"it ended with status {process.returncode}",
        )

    def check(self) -> None:
        """Check that supervisord runs.

        Raises:
            NotReady: it does not respond, or another program uses its port.
        """
        try:
            # closed after each call: a command may end long after it
            with xmlrpc.client.ServerProxy(self._address, allow_none=True) as proxy:
                state: Any = proxy.supervisor.getState()
        except (OSError, xmlrpc.client.Error, http.client.HTTPException) as error:
            raise NotReady(f"supervisord does not respond: {error}") from error
        if state["statename"] != "RUNNING":
            raise NotReady(f"supervisord is {state['statename']}")

    def is_running(self) -> bool:
        """Return whether supervisord responds."""
        try:
            self.check()
        except NotReady:
            return False
        return True

    def status(self, name: str) -> tuple[str, int]:
        """Return the state of a service as supervisor names it, and its process id or 0."""
        info: Any = self._call("getProcessInfo", name)
        return str(info["statename"]), int(info["pid"])

    def launch(self, name: str) -> None:
        """Start a service without waiting; nothing happens if it is already running."""
        self._call("startProcess", name, False, ignore=ALREADY_STARTED)

    def stop(self, names: Iterable[str], *, timeout: float) -> None:
        """Stop services at the same time and wait until they are gone.

        Raises:
            NotReady: one still runs after `timeout` seconds.
        """
        wanted = list(names)
        for name in wanted:
            self._call("stopProcess", name, False, ignore=NOT_RUNNING)

        def check() -> None:
            alive = [name for name in wanted if self.status(name)[0] not in STOPPED]
            if alive:
                raise NotReady(f"{', '.join(alive)} still running")

        wait_until(check, timeout=timeout, what="stopping")

    def last_end(self, name: str) -> tuple[str, int]:
        """Return the state of a service, and when it ended last in seconds since 1970; 0 if never."""
        info: Any = self._call("getProcessInfo", name)
        return str(info["statename"]), int(info["stop"])

    def last_lines(self, name: str) -> str:
        """Return the end of the log of a service."""
        return last_lines(self._state, name)

    def shutdown(self) -> None:
        """Let supervisord stop all services and end; wait for that up to 20 s."""
        if not self.is_running():
            return
        self._call("shutdown")
        psutil.wait_procs(processes.of_stack(self._state.paths, service=SUPERVISOR), timeout=20)

    def _call(self, method: str, *arguments: object, ignore: int | None = None) -> Any:
        try:
            with xmlrpc.client.ServerProxy(self._address, allow_none=True) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == ignore:
                return None
            raise PipelineError(f"supervisord refuses {method}{arguments}: {fault.faultString}") from fault
        except (OSError, xmlrpc.client.Error, http.client.HTTPException) as error:
            raise NotReady(f"supervisord does not respond: {error}") from error


class EarlyEnds:
    """Detects that a service ends each time it starts, long before supervisord reports it as failed."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._ends: set[int] = set()
        # an end before this start does not count
        self._before = supervisor.last_end(name)[1]

    def reason(self) -> str | None:
        """Return why the service does not start, with the end of its log; None while it still can."""
        try:
            statename, end = self._supervisor.last_end(self._name)
        except NotReady as error:
            return str(error)
        if end > self._before:
            self._ends.add(end)
        if statename == "FATAL" or len(self._ends) >= EARLY_ENDS:
            last = self._supervisor.last_lines(self._name)
            return f"it ends as soon as it starts; the end of its log: {last}"
        return None


def last_lines(state: StackState, name: str, count: int = 5) -> str:
    """Return the last lines of the log of a service, joined to one line."""
    try:
        lines = state.paths.log(name).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no log)"
    # a service that was started again has often written the same
    last = dict.fromkeys(line.strip() for line in lines[-count:] if line.strip())
    return " | ".join(last) or "(empty log)"
