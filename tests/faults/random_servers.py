"""Servers that can be killed, stopped and started again, each behind a proxy that can disturb it."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import psutil

from spotify_pipeline.connections import SPOTIFY_USER, ConnectionInfo
from spotify_sandbox.testing import RunningSandbox
from spotify_sandbox.testing import running as sandbox_running
from spotify_stack.object_store import GRPC_OFFSET, PARTS, SeaweedServer
from spotify_stack.ports import PortReservation
from spotify_stack.postgres import PostgresServer
from spotify_stack.processes import running
from tests.faults.environment import Environment
from tests.faults.random_proxy import FaultProxy
from tests.faults.servers import Servers

FIRST_PORT = 16_200
API, STORE, WAREHOUSE = "api", "store", "warehouse"


class RestartableServer:
    """A server process that is started again after it was killed."""

    def __init__(self, start: Callable[[], AbstractContextManager[Popen[bytes]]]) -> None:
        self._start = start
        self._stack = ExitStack()

    def start(self) -> None:
        """Start it and wait until it responds."""
        self._process = self._stack.enter_context(self._start())

    def stop(self) -> None:
        """Stop it regularly."""
        self._stack.close()

    def processes(self) -> list[psutil.Process]:
        """Return the server and its children, which may have sessions of their own."""
        with suppress(psutil.NoSuchProcess):
            leader = psutil.Process(self._process.pid)
            return [leader, *leader.children(recursive=True)]
        return []

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """Kill all of its processes, then start it again, as a supervisor does."""
        killed = self.processes()
        self.signal(signal.SIGKILL)
        psutil.wait_procs(killed, timeout=10)
        self._stack.close()
        self.start()

    def limit_files(self, size: int) -> None:
        """Limit the size of the files that its processes write; -1 removes the limit.

        Writes beyond it fail with EFBIG, not with the ENOSPC of a full disk, which needs a file system.
        """
        for process in self.processes():
            with suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
                hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard if size < 0 else size, hard))


def postgres_running(
    server: PostgresServer, log: Path, options: Sequence[str] = ()
) -> AbstractContextManager[Popen[bytes]]:
    """Return a context manager that runs Postgres, whose processes may be killed.

    Killing a process loses nothing that the kernel has, so no write needs to reach the disk. The password
    hash is a cheap one, because each step logs in several times.
    """
    cheap = ("fsync=off", "full_page_writes=off", "scram_iterations=1")
    return running(
        [*server.command(), *(part for option in cheap for part in ("-c", option)), *options],
        check=server.check,
        log=log,
        what="Postgres of the faults suite",
        stop_signal=signal.SIGINT,
    )


@dataclass(frozen=True)
class ProxiedEnvironment:
    """An environment whose steps reach the servers through proxies."""

    environment: Environment
    postgres: RestartableServer
    store: RestartableServer
    proxies: dict[str, FaultProxy]
    connections: dict[str, ConnectionInfo]

    @property
    def sandbox(self) -> RunningSandbox:
        """The server that stands in for Spotify."""
        return self.environment.sandbox

    def server(self, name: str) -> RestartableServer:
        """Return the server behind the proxy of the store or of the warehouse."""
        return {STORE: self.store, WAREHOUSE: self.postgres}[name]

    def log_in_again(self) -> None:
        """Log the user in again, and replace the connection of the lost login."""
        self.environment.log_in_again()
        self.connections[SPOTIFY_USER] = self.environment.connections[SPOTIFY_USER]

    def signal_sandbox(self, number: signal.Signals) -> None:
        """Send a signal to the sandbox."""
        os.kill(self.sandbox.process.pid, number)


@contextmanager
def proxied(folder: Path, *, seed: int = 1) -> Iterator[ProxiedEnvironment]:
    """Yield a new environment with its own servers and proxies."""
    folder.mkdir(parents=True, exist_ok=True)
    with PortReservation() as reservation, ExitStack() as stack:
        postgres = PostgresServer(
            folder / "postgres", reservation.choose(FIRST_PORT), password="superuser-of-tests"
        )
        ports = reservation.choose_all(
            {part: FIRST_PORT + 100 + number for number, part in enumerate(PARTS)},
            offsets=dict.fromkeys(PARTS, (0, GRPC_OFFSET)),
        )
        store = SeaweedServer(folder / "store", ports, access_key="test-access", secret_key="test-secret-key")
        postgres.initialise()
        store.initialise()
        servers = {
            WAREHOUSE: RestartableServer(lambda: postgres_running(postgres, folder / "postgres.log")),
            STORE: RestartableServer(
                lambda: running(
                    store.command(),
                    check=store.check,
                    log=folder / "store.log",
                    what="object store of the faults suite",
                    environment=store.environment(),
                )
            ),
        }
        stack.callback(store.remove_sockets)
        for server in servers.values():
            stack.callback(server.stop)
            server.start()
        sandbox = stack.enter_context(
            sandbox_running(
                size=60,
                seed=seed,
                port=reservation.choose(FIRST_PORT + 200),
                arguments=["--rotation", "always"],
            )
        )
        targets = {API: urlsplit(sandbox.base_url).port or 0, STORE: store.port, WAREHOUSE: postgres.port}
        proxies = {
            name: stack.enter_context(FaultProxy(reservation.choose(FIRST_PORT + 300 + number), target))
            for number, (name, target) in enumerate(targets.items())
        }
        environment = Environment("random", Servers(postgres, store), sandbox, folder / "environment")
        yield ProxiedEnvironment(
            environment, servers[WAREHOUSE], servers[STORE], proxies, _through(environment, proxies)
        )


def _through(environment: Environment, proxies: dict[str, FaultProxy]) -> dict[str, ConnectionInfo]:
    api = f"http://127.0.0.1:{proxies[API].port}"
    connections = {}
    for conn_id, info in environment.connections.items():
        if conn_id.startswith("warehouse"):
            connections[conn_id] = replace(info, port=proxies[WAREHOUSE].port)
        elif conn_id == "spotify_lake":
            connections[conn_id] = replace(info, port=proxies[STORE].port)
        elif conn_id == "spotify_api":
            extra = dict(info.extra) | {"api_url": f"{api}/v1", "accounts_url": api}
            connections[conn_id] = replace(info, extra=extra)
        else:
            connections[conn_id] = info
    return connections
