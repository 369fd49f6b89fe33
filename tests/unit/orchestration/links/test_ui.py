"""Tests what Airflow's UI shows of the DAGs: names, descriptions, documentation, owner, parameters."""

from __future__ import annotations

import re

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from spotify_pipeline.orchestration.alerts.callbacks import on_run_failure, on_task_failure
from spotify_pipeline.orchestration.defaults import OWNER
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dbt_manifest import MANIFEST

FILES = sorted((PROJECT_ROOT / "dags").glob("spotify_*.py"))


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    assert MANIFEST.exists(), "run `make dbt-manifest`"
    bag = DagBag(str(PROJECT_ROOT / "dags"))
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_each_file_defines_the_dag_of_its_name(dags: dict[str, DAG]) -> None:
    assert sorted(dags) == [file.stem for file in FILES]


@pytest.mark.parametrize("dag_id", [file.stem for file in FILES])
class TestEachDag:
    def test_describes_what_it_does_and_how_to_run_it_again(self, dags: dict[str, DAG], dag_id: str) -> None:
        dag = dags[dag_id]
        assert dag.description, "the list of DAGs shows it next to the name"
        assert len(dag.description) <= 80
        headings = re.findall(r"^### (.+)$", dag.doc_md or "", re.MULTILINE)
        assert {"What it does", "Running it again", "When it is red"} <= set(headings)

    def test_has_tags_and_one_owner(self, dags: dict[str, DAG], dag_id: str) -> None:
        dag = dags[dag_id]
        assert "spotify" in dag.tags
        assert len(dag.tags) >= 2
        assert {task.owner for task in dag.tasks} == {OWNER}

    def test_sends_alerts_of_failures(self, dags: dict[str, DAG], dag_id: str) -> None:
        dag = dags[dag_id]
        assert dag.on_failure_callback is on_run_failure
        assert dag.has_on_failure_callback
        for task in dag.tasks:
            assert on_task_failure in (task.on_failure_callback or []), task.task_id

    def test_its_tasks_have_readable_names(self, dags: dict[str, DAG], dag_id: str) -> None:
        for task in dags[dag_id].tasks:
            assert re.fullmatch(r"[a-z0-9_.]+", task.task_id), task.task_id

    def test_its_params_have_a_schema_and_a_description(self, dags: dict[str, DAG], dag_id: str) -> None:
        params = dags[dag_id].params
        # Cosmos adds a parameter of its own if its telemetry is on
        for name, param in ((n, p) for n, p in params.items() if not n.startswith("__cosmos")):
            schema = dags[dag_id].params.get_param(name).schema
            assert schema.get("type"), f"{name}: {param}"
            assert schema.get("title"), name


@pytest.mark.parametrize("dag_id", ["spotify_ingest", "spotify_transform", "spotify_report"])
def test_the_daily_chain_has_deadlines(dags: dict[str, DAG], dag_id: str) -> None:
    [deadline] = dags[dag_id].deadline
    assert deadline.interval > 0


def test_every_task_of_the_pipeline_has_documentation(dags: dict[str, DAG]) -> None:
    """dbt's tasks have the names of models and tests, which dbt's documentation describes."""
    undocumented = [
        f"{dag_id}.{task.task_id}"
        for dag_id, dag in dags.items()
        for task in dag.tasks
        if not task.task_id.startswith("dbt.") and not (task.doc_md or "").strip()
    ]
    assert undocumented == []
