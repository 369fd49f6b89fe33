"""Tests that any dbt project becomes tasks, one for each data test that dbt would run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow.sdk import DAG, TaskGroup

from spotify_pipeline.orchestration.dbt.operators import DbtNode, RunDataTest, TakeSnapshot
from spotify_pipeline.orchestration.dbt.task_group import dbt_tasks
from tests.unit.orchestration.dbt.groups import sort_all
from tests.unit.orchestration.dbt.odd_project import write_odd_project

# dbt parses a large project
pytestmark = pytest.mark.slow

# one process for both commands: importing dbt and parsing the project take most of their time
PARSE_AND_LIST = """
import json, sys
from dbt.cli.main import dbtRunner
places = ["--project-dir", sys.argv[1], "--profiles-dir", sys.argv[1]]
parsed = dbtRunner().invoke(["--quiet", "--no-partial-parse", "parse", *places])
assert parsed.success, parsed.exception
tests = ["ls", "--resource-type", "test", "--output", "json", "--output-keys", "unique_id"]
listed = dbtRunner(manifest=parsed.result).invoke(["--quiet", *tests, *places])
assert listed.success, listed.exception
open(sys.argv[2], "w").write(json.dumps([json.loads(line)["unique_id"] for line in listed.result]))
"""


@dataclass(frozen=True)
class Odd:
    """A parsed dbt project.

    Attributes:
        folder: Its folder.
        listed: The ids of the tests that dbt would run.
    """

    folder: Path
    listed: list[str]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Odd:
    folder = write_odd_project(tmp_path_factory.mktemp("odd"))
    listed = folder / "listed.json"
    subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", PARSE_AND_LIST, str(folder), str(listed)], check=True
    )
    return Odd(folder, json.loads(listed.read_text()))


@pytest.fixture(scope="module")
def dag(project: Odd) -> DAG:
    with DAG("of_this_test", schedule=None) as made:
        dbt_tasks(project.folder, made)
    return made


def nodes(dag: DAG) -> dict[str, DbtNode]:
    return {str(task.dbt_node): task for task in dag.tasks if isinstance(task, DbtNode)}


def test_each_test_that_dbt_would_run_has_one_task(project: Odd, dag: DAG) -> None:
    tests = [str(task.dbt_node) for task in dag.tasks if isinstance(task, RunDataTest)]
    assert sorted(tests) == sorted(project.listed)
    assert len(project.listed) > 40


def test_airflow_can_show_the_groups(dag: DAG) -> None:
    """A model of staging reads a snapshot, which reads another model of staging: they are one group."""
    sort_all(dag.task_group)
    both = dag.task_group.children["snapshots-staging"]
    assert isinstance(both, TaskGroup)
    assert "staging.stg_odd.run" in both.children["staging-stg_odd"].children
    assert dag.get_task("staging.stg_odd.run").task_display_name == "run"


def test_everything_that_a_user_may_add_becomes_a_task(dag: DAG) -> None:
    found = nodes(dag)
    added = {
        "model.spotify.in_root",
        "model.spotify.stg_finance",
        "model.spotify.stg_künstler",
        "model.spotify.stg_versioned.v1",
        "model.spotify.stg_versioned.v2",
        "model.shared.shared_model",
        "snapshot.spotify.snap_artists",
        "test.spotify.of_no_model",
        "source.spotify.more.plays",
    }
    assert added <= found.keys()
    assert isinstance(found["snapshot.spotify.snap_artists"], TakeSnapshot)
    assert {"model.spotify.stg_inline", "model.spotify.stg_disabled"}.isdisjoint(found)
    after = dag.get_task("staging.stg_after_inline.run").upstream_task_ids
    assert {"staging.stg_odd.run", "staging.stg_inline.unique_track_id"} <= after
    assert all(len(task_id) <= 250 and task_id.isascii() for task_id in dag.task_ids)
