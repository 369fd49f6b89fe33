"""Starts and stops the embedded stack."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from spotify_pipeline.doctor.disk import low_disk_space
from spotify_pipeline.doctor.user import nameless_user
from spotify_pipeline.errors import ConfigurationError, PipelineError
from spotify_pipeline.settings import PREFIX
from spotify_stack import airflow_environment, bootstrap, celery_workers, object_store, processes, services
from spotify_stack.health import NotReady, wait_until
from spotify_stack.launcher import Launcher, Report
from spotify_stack.paths import FOLDER_VARIABLE, StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import (
    MINIO,
    SERVICE_VARIABLE,
    STACK_VARIABLE,
    SandboxOptions,
    StackState,
    create_or_load,
    load,
)
from spotify_stack.supervision import SUPERVISOR, Supervisor

LOCK_SECONDS = 120
STOP_SECONDS = 40


@dataclass(frozen=True)
class Wanted:
    """Options of a start. None always means: as at the previous start.

    Attributes:
        sandbox: Options of the sandbox.
        own_app: Connection `spotify_api` of the user, as Airflow reads it; "" for the sandbox.
        own_user: Connection `spotify_user` that belongs to `own_app`.
        own_key: Connection `spotify_account_key` that `own_user` was made with.
        sources: A sources.yml.
        store: One of `state.STORES`.
        workers: Number of Celery workers; 0 for the LocalExecutor.
    """

    sandbox: SandboxOptions | None = None
    own_app: str | None = None
    own_user: str | None = None
    own_key: str | None = None
    sources: Path | None = None
    store: str | None = None
    workers: int | None = None


class Stack:
    """The stack in one folder; `report` is called with each line of progress."""

    def __init__(self, paths: StackPaths, report: Report = lambda line: None) -> None:
        self.paths = paths
        self._report = report

    def up(self, wanted: Wanted | None = None) -> StackState:
        """Start all services that do not run, and wait until all are healthy.

        A failed or interrupted start leaves no process behind; a stack that ran before keeps running.

        Returns:
            State of the stack.

        Raises:
            PipelineError: a service cannot be started; the message names it and its log.
        """
        wanted = wanted or Wanted()
        if wanted.store == MINIO:
            object_store.require_minio()  # fails before anything has changed
        if wanted.workers:
            celery_workers.require_celery()
        with self._lock():
            wanted = self._checked(wanted)
            state = self._running_state()
            if state is not None:
                return self._complete(state, wanted)
            if survivors := processes.end_survivors(self.paths):
                self._report(f"ended {survivors} processes that an earlier stack left behind")
            try:
                return self._start(wanted)
            except BaseException:
                with _ignore_signals():
                    self._report("stopping what was started")
                    self._stop()
                raise

    def down(self) -> int:
        """Stop all services.

        Returns:
            Number of processes that the supervisor no longer knew.
        """
        with self._lock(), _ignore_signals():
            return self._stop()

    def reset(self) -> bool:
        """Stop all services and delete the folder of the stack.

        Returns:
            Whether there was a stack.
        """
        if not self.paths.state.exists():
            return False
        self.down()
        shutil.rmtree(self.paths.root)
        return True

    def state(self) -> StackState | None:
        """Return the state of the stack if its supervisor runs, else None."""
        return self._running_state()

    def ignored_settings(self, environ: Mapping[str, str] | None = None) -> list[str]:
        """Return the settings of this shell that differ from those of the running stack.

        Its services inherit the environment of the supervisor, so a setting takes effect at the next start.

        Args:
            environ: Environment variables; by default those of this process.
        """
        given = os.environ if environ is None else environ
        for process in processes.of_stack(self.paths, service=SUPERVISOR):
            with suppress(psutil.Error):
                kept = process.environ()
                return sorted(
                    name
                    for name, value in given.items()
                    if name.startswith(PREFIX)
                    and not name.startswith((STACK_VARIABLE, SERVICE_VARIABLE))
                    and kept.get(name) != value
                )
        return []

    def _running_state(self) -> StackState | None:
        if not self.paths.exists():
            return None
        state = load(self.paths)
        # only the supervisor of this stack accepts the password; another program may listen on the port
        return state if Supervisor(state).is_running() else None

    def _checked(self, wanted: Wanted) -> Wanted:
        """Return the options with the list of sources, before anything is started or changed.

        Raises:
            ConfigurationError: made-up and real data would be mixed, or an own app has no list of sources.
        """
        before = load(self.paths) if self.paths.exists() else None
        own_app = wanted.own_app
        if before is not None:
            if own_app is not None and bool(own_app) != bool(before.own_app):
                holds = "data of your own app" if before.own_app else "made-up data of the demo"
                raise ConfigurationError(
                    f"{self.paths.root} holds {holds}, and one warehouse does not mix made-up and real data: "
                    f"choose another folder with {FOLDER_VARIABLE}, or delete this one with 'make reset'"
                )
            own_app = before.own_app
        if not own_app:
            return wanted
        return replace(wanted, sources=bootstrap.own_sources(self.paths, wanted.sources))

    def _start(self, wanted: Wanted) -> StackState:
        if problem := nameless_user():
            raise ConfigurationError(problem)
        if warning := low_disk_space(self.paths.root):
            self._report(f"warning: {warning}")
        with PortReservation() as reservation:
            before = create_or_load(self.paths, reservation)
            # with the clock of an earlier demo, no scheduled run would find its date
            sandbox = wanted.sandbox or replace(before.sandbox, clock=None)
            state = before.changed(
                sandbox=sandbox,
                own_app=wanted.own_app,
                own_user=wanted.own_user,
                own_key=wanted.own_key,
                store=wanted.store,
                workers=wanted.workers,
            )
            state.save()
            bootstrap.data_folders(state)
            everything = services.all_services(state)
            supervisor = Supervisor(state)
            supervisor.start(everything.values())
            launcher = Launcher(self.paths, supervisor, self._report)
            launcher.launch(everything[name] for name in services.servers(state))
            bootstrap.sources(state, wanted.sources, rewrite=state.sandbox.catalog != before.sandbox.catalog)
            self._prepare(state)
            state = self._with_listener(state, supervisor)
            launcher.launch_airflow(state)
        launcher.await_dags(state)
        return state

    def _complete(self, state: StackState, wanted: Wanted) -> StackState:
        """Change a running stack: start missing services, exchange the sandbox, the app or the store.

        Raises:
            ConfigurationError: another executor, or number of workers, is wanted.
        """
        if wanted.workers not in {None, state.workers}:
            raise ConfigurationError(
                f"the stack runs with {celery_workers.described(state)}: run 'make down' first to change that"
            )
        if ignored := self.ignored_settings():
            self._report(
                f"warning: {', '.join(ignored)} ignored: the stack keeps the settings of its start; "
                "run 'make down' first"
            )
        supervisor = Supervisor(state)
        before = state
        state = before.changed(
            sandbox=wanted.sandbox,
            own_app=wanted.own_app,
            own_user=wanted.own_user,
            own_key=wanted.own_key,
            store=wanted.store,
        )
        state.save()
        if state.store != before.store:
            # the new one uses the same port and key pair
            supervisor.stop([services.STORE], timeout=STOP_SECONDS)
        if replace(state.sandbox, clock=None) != replace(before.sandbox, clock=None):
            supervisor.stop([services.SANDBOX], timeout=STOP_SECONDS)
        everything = services.all_services(state)
        launcher = Launcher(self.paths, supervisor, self._report)
        launcher.launch(everything[name] for name in launcher.not_running(services.servers(state)))
        state = self._with_listener(state, supervisor)
        variables = airflow_environment.connection_variables
        if variables(state) != variables(before):
            # Airflow's processes keep the variables of their start
            supervisor.stop(services.airflow(state), timeout=STOP_SECONDS)
        bootstrap.sources(state, wanted.sources, rewrite=state.sandbox.catalog != before.sandbox.catalog)
        # the dbt project may have changed; databases are migrated by a full start only
        bootstrap.manifest(state)
        if launcher.not_running(services.airflow(state)):
            launcher.launch_airflow(state)
        launcher.await_dags(state)
        return state

    def _with_listener(self, state: StackState, supervisor: Supervisor) -> StackState:
        """Log another user of the sandbox in if the data of the current one was erased."""
        chosen = bootstrap.listener(state)
        if chosen.listener == state.listener:
            return state
        self._report(f"the data of {state.sandbox_user} was erased: {chosen.sandbox_user} is logged in now")
        supervisor.stop([services.SANDBOX], timeout=STOP_SECONDS)
        Launcher(self.paths, supervisor, self._report).launch(
            [services.all_services(chosen)[services.SANDBOX]]
        )
        if not chosen.paths.sources.is_symlink():
            bootstrap.sources(chosen, None, rewrite=True)
        return chosen

    def _prepare(self, state: StackState) -> None:
        """Prepare databases and manifest at the same time."""
        steps = {
            "warehouse roles and migrations": bootstrap.warehouse,
            "Airflow's database": bootstrap.metadata,
            "dbt manifest": bootstrap.manifest,
        }

        def timed(name: str, step: Callable[[StackState], None]) -> None:
            started = time.monotonic()
            step(state)
            self._report(f"{name} ready after {time.monotonic() - started:.1f} s")

        pool = ThreadPoolExecutor(len(steps))
        try:
            for result in [pool.submit(timed, name, step) for name, step in steps.items()]:
                result.result()
        finally:
            # after an interrupt, their processes are ended with all others
            pool.shutdown(wait=False, cancel_futures=True)

    def _stop(self) -> int:
        state = load(self.paths) if self.paths.exists() else None
        if state is not None:
            supervisor = Supervisor(state)
            for names in (services.airflow(state), services.servers(state)):
                if not supervisor.is_running():
                    break
                try:
                    supervisor.stop(names, timeout=STOP_SECONDS)
                except PipelineError as error:
                    self._report(f"warning: {error}")
                for name in names:
                    # tasks have process groups of their own, which get no signals of the service's group
                    processes.end_survivors(self.paths, service=name, grace=2)
            supervisor.shutdown()
        survivors = processes.end_survivors(self.paths)
        if state is not None:
            services.object_store(state).remove_sockets()
        return survivors

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Allow one start or stop of this stack at a time; the lock ends with the process."""
        self.paths.root.mkdir(parents=True, exist_ok=True)
        with (self.paths.root / ".lock").open("w") as file:

            def check() -> None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise NotReady("another start or stop of this stack is running") from None

            wait_until(check, timeout=LOCK_SECONDS, what=f"the stack in {self.paths.root}")
            yield


def running_state() -> StackState | None:
    """Return the state of this project's stack, of the demo or of the user's own app; None if none runs."""
    found = Stack(StackPaths.default()).state()
    return found if found is not None else Stack(StackPaths.own()).state()


@contextmanager
def _ignore_signals() -> Iterator[None]:
    """Finish stopping even if Ctrl-C is pressed again; everything in the block is bounded in time."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
