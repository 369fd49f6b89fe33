"""Tests that each operator of the DAG, executed against a warehouse, runs its own node and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from spotify_pipeline.orchestration.dbt import parsed_project, publication, warm_workers
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.orchestration.dbt.task_group import dbt_tasks
from spotify_stack.dbt_manifest import DBT_PROJECT, MANIFEST
from tests.integration.dbt.dbt_warehouse import PASSWORD, Warehouse, fill
from tests.unit.orchestration.dbt.odd_project import odd_project

pytestmark = [pytest.mark.integration, pytest.mark.slow]
RESULTS = "select unique_id, status from ops.dbt_result where task_id = %s order by id"
Execute = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return odd_project(tmp_path_factory.mktemp("odd"))


@pytest.fixture
def dag(project: Path) -> DAG:
    with DAG("of_this_test", schedule=None) as made:
        dbt_tasks(project, made)
    return made


@pytest.fixture
def connection(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    address = urlsplit(warehouse.admin_url)
    fields = {
        "conn_type": "postgres",
        "host": address.hostname,
        "port": address.port,
        "login": "spotify_dbt",
        "password": PASSWORD,
        "schema": warehouse.database,
    }
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DBT", json.dumps(fields))


@pytest.fixture
def execute(warehouse: Warehouse, dag: DAG, connection: None) -> Execute:
    """A function that executes a task of the DAG and returns the dbt results that it wrote."""

    def run(task_id: str) -> list[tuple[Any, ...]]:
        dag.get_task(task_id).execute(context_of(task_id))
        return warehouse.query(RESULTS, task_id)

    return run


@pytest.fixture(params=["warm", "cold"])
def parsed(request: pytest.FixtureRequest, project: Path, connection: None) -> Iterator[None]:
    """Run the test with the project that the scheduler has parsed, and without it."""
    if request.param == "warm":
        warm_workers._keep_parsed(project)
        assert parsed_project.is_kept(project)
    yield
    parsed_project.forget()


def context_of(task_id: str, **pulled: Any) -> Any:
    instance = SimpleNamespace(
        task_id=task_id, try_number=1, xcom_pull=lambda *, task_ids: pulled.get(task_ids), task=None
    )
    return {
        "dag_run": SimpleNamespace(run_id="run", partition_key="2026-11-05"),
        "ti": instance,
        "run_id": "run",
    }


@pytest.mark.usefixtures("parsed")
def test_a_task_runs_its_own_node_and_nothing_else(warehouse: Warehouse, dag: DAG, execute: Execute) -> None:
    fill(warehouse, extended=False)
    assert execute("staging.stg_tracks.run") == [("model.spotify.stg_tracks", "success")]
    assert execute("staging.stg_odd.run") == [("model.spotify.stg_odd", "success")]
    # named like a folder of models
    assert execute("staging.stg_odd.staging") == [("test.spotify.staging", "pass")]
    assert execute("tests.of_no_model") == [("test.spotify.of_no_model", "pass")]
    twins = [task_id for task_id in dag.task_ids if task_id.startswith("staging.stg_odd.holds")]
    assert len(twins) == 2
    ran = [execute(task_id) for task_id in twins]
    assert sorted(len(results) for results in ran) == [1, 1]
    assert ran[0] != ran[1]


def test_a_task_without_its_node_fails(dag: DAG, execute: Execute) -> None:
    dag.get_task("tests.of_no_model").select = "fqn:spotify.singular.gone"
    with pytest.raises(AirflowFailException, match="dbt ran nothing for the task"):
        execute("tests.of_no_model")


@pytest.mark.parametrize(("newest", "tested"), [(1, False), (2, True)])
def test_catching_up_tests_only_untested_loads(
    warehouse: Warehouse, connection: None, monkeypatch: pytest.MonkeyPatch, newest: int, tested: bool
) -> None:
    fill(warehouse, extended=False)
    assert warehouse.dbt("run", "--target", "build").success

    @contextmanager
    def running() -> Iterator[None]:
        yield None

    monkeypatch.setattr(publication, "running", running)
    monkeypatch.setattr(publication, "watermark", lambda _: newest)
    with DAG("of_this_test", schedule=None):
        task = publication.catch_up(DBT_PROJECT)
    covered = {"load_seq": 1, "digest": "d", "code": "c", "is_published": False}
    task.execute(context_of("catch_up", watermark=covered))

    kinds = [unique_id.partition(".")[0] for unique_id, _ in warehouse.query(RESULTS, "catch_up")]
    assert kinds.count("model") == len(publication.build_of(DbtManifest.read(MANIFEST)).tables)
    assert ("test" in kinds) is tested
