"""Starts services through the supervisor and waits until each is healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from spotify_pipeline.doctor.disk import full_disk
from spotify_pipeline.errors import ConfigurationError
from spotify_stack import services
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.health import NotReady, wait_until
from spotify_stack.paths import StackPaths
from spotify_stack.services import Service
from spotify_stack.state import StackState
from spotify_stack.supervision import EarlyEnds, Supervisor

DAGS_SECONDS = 120

Report = Callable[[str], None]


class Launcher:
    """Starts services of one stack; `report` is called with each line of progress."""

    def __init__(self, paths: StackPaths, supervisor: Supervisor, report: Report) -> None:
        self._paths = paths
        self._supervisor = supervisor
        self._report = report

    def not_running(self, names: Iterable[str]) -> list[str]:
        """Return those of the services that do not run."""
        return [name for name in names if self._supervisor.status(name)[0] != "RUNNING"]

    def launch(self, wanted: Iterable[Service]) -> None:
        """Start services and wait until all are healthy.

        Raises:
            NotReady: a service did not start; the message names it, its log and its last words.
            ConfigurationError: the disk is full.
        """
        chosen = list(wanted)
        for service in chosen:
            self._supervisor.launch(service.name)
        for service in chosen:
            self._await(service, service.check)

    def launch_airflow(self, state: StackState) -> None:
        """Start Airflow's processes and wait until all are healthy.

        Raises:
            NotReady, ConfigurationError: see `launch`.
        """
        everything = services.all_services(state)
        begun = datetime.now(UTC)
        names = services.airflow(state)
        restarted = set(self.not_running(names)) & services.HEALTH_KEYS.keys()
        for name in names:
            self._supervisor.launch(name)

        def fresh_heartbeat(name: str) -> Callable[[], None]:
            def check() -> None:
                everything[name].check()
                beat = services.heartbeat(state, name)
                # the database still has the heartbeat of the previous process
                if beat is None or datetime.fromisoformat(beat) < begun:
                    raise NotReady(f"Airflow has had no heartbeat of the new {name} yet")

            return check

        for name in names:
            check = fresh_heartbeat(name) if name in restarted else everything[name].check
            self._await(everything[name], check)

    def _await(self, service: Service, check: Callable[[], None]) -> None:
        ends = EarlyEnds(self._supervisor, service.name)
        try:
            waited = wait_until(
                check,
                timeout=service.start_seconds,
                what=f"{service.name} (log: {self._paths.log(service.name)})",
                given_up=ends.reason,
            )
        except NotReady as error:
            if full := full_disk(self._paths.root):
                raise ConfigurationError(f"{service.name} did not start: {full}") from error
            raise
        self._report(f"{service.name} ready after {waited:.1f} s")

    def await_dags(self, state: StackState) -> None:
        """Wait until Airflow has parsed the DAG files, and report those that it cannot import.

        Raises:
            NotReady: it has not parsed them in time.
        """
        with AirflowApi(state.airflow_url) as api:
            waited = wait_until(
                api.check_dags_are_parsed, timeout=DAGS_SECONDS, what="parsing the DAGs", poll=0.5
            )
            errors = api.import_errors()
        self._report(f"DAGs parsed after {waited:.1f} s")
        for file, message in errors.items():
            self._report(f"warning: DAG file {file} cannot be imported: {message}")
