"""Tests that a task built alone equals the same task of the whole graph."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

from spotify_pipeline.orchestration.dbt import parsed_project
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.orchestration.dbt.operators import DbtNode
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dbt_manifest import DBT_PROJECT, build_manifest

DAG_FILE = PROJECT_ROOT / "dags" / "spotify_transform.py"
# attributes about the place in the graph, and those needed only without the parsed project
IGNORED = {
    "task_id", "label", "task_group", "dag", "upstream_task_ids", "downstream_task_ids", "start_date",
    "extra_context", "params", "manifest_filepath", "cache_dir", "profile_config",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def manifest() -> DbtManifest:
    build_manifest(lambda command: subprocess.run(command, check=True))  # noqa: S603 - our own command line
    return DbtManifest.read(DBT_PROJECT / "target" / "manifest.json")


@pytest.fixture
def warm() -> Iterator[None]:
    """Keep a parsed project, as in a fork of a scheduler that has parsed it."""
    parsed: Any = SimpleNamespace(nodes={}, sources={})
    assert parsed_project.keep(DBT_PROJECT, parsed, parsed_project.fingerprint(DBT_PROJECT))
    yield
    parsed_project.forget()


def dag_of(task_id: str | None) -> DAG:
    dag_id = "spotify_transform" if task_id else None
    # Airflow leaves the variables set
    with patch.dict(os.environ), _airflow_parsing_context_manager(dag_id=dag_id, task_id=task_id):
        bag = DagBag(DAG_FILE)
    assert bag.import_errors == {}
    found: DAG = bag.dags["spotify_transform"]
    return found


@pytest.fixture(scope="module")
def whole() -> DAG:
    return dag_of(None)


def settings_of(task: BaseOperator) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(task).items()
        if not name.startswith("_") and name not in IGNORED and not callable(value)
    }


@pytest.mark.usefixtures("warm")
def test_a_task_built_alone_equals_that_of_the_graph(whole: DAG) -> None:
    tasks = [task for task in whole.tasks if isinstance(task, DbtNode) and task.dbt_node]
    assert len(tasks) > 50
    for task in tasks:
        dag = dag_of(task.task_id)
        alone = dag.get_task(task.task_id)
        assert len(dag.tasks) == 8, task.task_id  # with the seven that the DAG file itself defines
        assert type(alone).__name__ == type(task).__name__
        assert comparable(settings_of(alone)) == comparable(settings_of(task)), task.task_id


def comparable(settings: dict[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in settings.items() if " object at 0x" not in repr(value)}


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("task_id", ["publish", "watermark", "is_anything_new"])
def test_other_tasks_of_the_dag_get_the_whole_graph(whole: DAG, task_id: str) -> None:
    assert dag_of(task_id).task_ids == whole.task_ids


def test_without_a_kept_project_the_whole_graph_is_built(whole: DAG) -> None:
    task_id = "marts.dim_track.run"
    assert dag_of(task_id).task_ids == whole.task_ids


@pytest.mark.usefixtures("warm")
def test_the_profile_is_that_of_the_whole_graph(whole: DAG) -> None:
    task_id = "marts.dim_track.run"
    profiles = [dag.get_task(task_id).profile_config for dag in (whole, dag_of(task_id))]
    names = {(profile.profile_name, profile.target_name) for profile in profiles}
    mappings = {(p.profile_mapping.conn_id, str(p.profile_mapping.profile_args)) for p in profiles}
    assert len(names) == len(mappings) == 1
    assert Path(profiles[0].profiles_yml_filepath or "/none") == Path(
        profiles[1].profiles_yml_filepath or "/none"
    )
