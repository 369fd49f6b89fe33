"""Tests the DAG spotify_transform: it has every node of the manifest, and publishes nothing untested."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, IdentityMapper, PartitionedAssetTimetable
from jinja2 import Template

from spotify_pipeline.orchestration.assets import MARTS, MODELS, STAGING
from spotify_pipeline.orchestration.dbt.operators import (
    CheckFreshness,
    DbtNode,
    LoadSeed,
    RunDataTest,
    RunModel,
)
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dbt_manifest import MANIFEST, build_manifest
from tests.unit.orchestration.dbt.groups import sort_all

DAG_FILE = PROJECT_ROOT / "dags" / "spotify_transform.py"
# seconds of CPU for a parse in a warm process
PARSE_BUDGET = 2.0


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    build_manifest(lambda command: subprocess.run(command, check=True))  # noqa: S603 - our own command line
    content: dict[str, Any] = json.loads(MANIFEST.read_bytes())
    return content


@pytest.fixture(scope="module")
def dag(manifest: dict[str, Any]) -> DAG:
    bag = DagBag(str(DAG_FILE))
    assert bag.import_errors == {}
    found: DAG = bag.dags["spotify_transform"]
    return found


@pytest.fixture(scope="module")
def task_of(dag: DAG) -> dict[str, str]:
    """Return task ids by dbt's unique id."""
    return {
        str(task.dbt_node): task.task_id for task in dag.tasks if isinstance(task, DbtNode) and task.dbt_node
    }


def ancestors(dag: DAG, task_id: str) -> set[str]:
    return set(dag.get_task(task_id).get_flat_relative_ids(upstream=True))


def test_every_node_of_the_manifest_has_one_task(
    dag: DAG, manifest: dict[str, Any], task_of: dict[str, str]
) -> None:
    rendered = Counter(
        kind.__name__
        for task in dag.tasks
        for kind in (RunModel, LoadSeed, RunDataTest)
        if isinstance(task, kind)
    )
    nodes = Counter(node["resource_type"] for node in manifest["nodes"].values())

    assert task_of.keys() == manifest["nodes"].keys() | {"source.spotify.ops.load"}
    assert rendered == {
        "RunModel": nodes["model"],
        "LoadSeed": nodes["seed"],
        "RunDataTest": nodes["test"],
    }


def test_a_node_waits_for_its_parents_and_their_tests(
    dag: DAG, manifest: dict[str, Any], task_of: dict[str, str]
) -> None:
    single: dict[str, set[str]] = {}
    for unique_id, node in manifest["nodes"].items():
        parents = set(node["depends_on"].get("nodes", []))
        if node["resource_type"] == "test" and len(parents) == 1:
            single.setdefault(parents.pop(), set()).add(task_of[unique_id])
    for unique_id, node in manifest["nodes"].items():
        upstream = ancestors(dag, task_of[unique_id])
        for parent in node["depends_on"].get("nodes", []):
            if parent in task_of:
                assert task_of[parent] in upstream, f"{unique_id} does not wait for {parent}"
            if node["resource_type"] == "model":
                tests = single.get(parent, set())
                assert tests <= upstream, f"{unique_id} does not wait for tests of {parent}"


def test_a_test_of_two_models_blocks_nodes_below_both(dag: DAG, task_of: dict[str, str]) -> None:
    relationship = "staging.stg_tracks.relationships_album_id__album_id__ref_stg_albums"
    assert relationship in ancestors(dag, task_of["model.spotify.dim_track"])
    assert relationship not in ancestors(dag, task_of["model.spotify.bridge_track_artist"])


def test_a_failing_test_does_not_stop_its_siblings(dag: DAG) -> None:
    siblings = {
        task.task_id
        for task in dag.tasks
        if task.task_id.startswith("marts.fct_playlist_entry.") and isinstance(task, RunDataTest)
    }

    assert len(siblings) > 1
    for test in siblings:
        assert not siblings & ancestors(dag, test)


def test_publish_follows_every_model_and_test(dag: DAG) -> None:
    after = {"publish", "catch_up", "write_docs", "announce", "build_again"}
    others = {task.task_id for task in dag.tasks} - after

    assert ancestors(dag, "publish") == others
    # a run without new data skips the nodes and publishes; a failed one does not publish
    assert dag.get_task("publish").trigger_rule == "none_failed"
    assert sorted(task.task_id for task in dag.tasks if task.outlets) == ["build_again", "publish"]
    assert dag.get_task("publish").outlets == [MARTS, MODELS]


def test_a_failed_run_may_start_another_but_publishes_nothing(dag: DAG) -> None:
    again = dag.get_task("build_again")
    assert again.trigger_rule == "one_failed"
    assert again.outlets == [STAGING]
    assert again.downstream_task_ids == set()
    assert "publish" not in ancestors(dag, "build_again")
    assert {task.task_id for task in dag.tasks if isinstance(task, RunDataTest)} <= ancestors(
        dag, "build_again"
    )


def test_catch_up_and_the_documentation_follow_publish(dag: DAG) -> None:
    assert dag.get_task("publish").downstream_task_ids == {"catch_up", "announce"}
    assert dag.get_task("catch_up").downstream_task_ids == {"write_docs"}
    assert dag.get_task("write_docs").downstream_task_ids == set()


def test_freshness_comes_before_every_other_node(dag: DAG) -> None:
    [freshness] = [task for task in dag.tasks if isinstance(task, CheckFreshness)]

    assert freshness.select == "source:spotify.ops.load"
    for task in dag.tasks:
        if isinstance(task, DbtNode) and task.dbt_node and task is not freshness:
            assert freshness.task_id in ancestors(dag, task.task_id)


def test_a_model_and_its_tests_are_in_one_group(dag: DAG, task_of: dict[str, str]) -> None:
    assert task_of["model.spotify.dim_track"] == "marts.dim_track.run"
    group = dag.task_group.children["marts"].children["marts.dim_track"]
    tracks = dag.task_group.children["staging"].children["staging.stg_tracks"]
    relationship = "staging.stg_tracks.relationships_album_id__album_id__ref_stg_albums"
    assert {"staging.stg_tracks.run", relationship} <= tracks.children.keys()
    assert "marts.dim_track.run" in group.children
    assert {type(task).__name__ for task in dag.tasks if type(task).__name__ == "EmptyOperator"} == set()


def test_a_task_is_documented_by_the_manifest(dag: DAG) -> None:
    text = str(dag.get_task("marts.dim_track.run").doc_md)
    assert "`model.spotify.dim_track`" in text
    assert "| `track_id` |" in text


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"full_refresh": False, "select": None}, "False"),
        ({"full_refresh": True, "select": None}, "True"),
        ({"full_refresh": True, "select": ["dim_track"]}, "True"),
        ({"full_refresh": True, "select": ["dim_album"]}, "False"),
    ],
)
def test_a_run_can_rebuild_models_completely(dag: DAG, params: dict[str, Any], expected: str) -> None:
    template = dag.get_task("marts.dim_track.run").full_refresh
    assert Template(template).render(params=params) == expected
    assert {"full_refresh", "select"} <= dag.params.keys()


def test_every_dbt_task_has_the_same_environment_and_variables(dag: DAG) -> None:
    """With different ones, dbt would parse the whole project again in each task."""
    nodes: list[Any] = [task for task in dag.tasks if isinstance(task, DbtNode)]

    assert {(str(task.env or {}), str(task.vars or {})) for task in nodes} == {("{}", "{}")}
    assert {(task.profile_config.profile_name, task.profile_config.target_name) for task in nodes} == {
        ("spotify", "build")
    }


def test_one_run_at_a_time(dag: DAG) -> None:
    assert dag.max_active_runs == 1
    assert min(task.retries for task in dag.tasks) >= 1


def test_each_partition_of_staging_gets_a_run_with_its_key(dag: DAG) -> None:
    assert isinstance(dag.timetable, PartitionedAssetTimetable)
    assert dag.timetable.asset_condition == STAGING
    assert isinstance(dag.timetable.default_partition_mapper, IdentityMapper)


def test_parsing_takes_less_than_its_budget(dag: DAG, record_property: Callable[[str, object], None]) -> None:
    begun = time.process_time()
    assert DagBag(str(DAG_FILE)).import_errors == {}
    seconds = time.process_time() - begun

    print(f"parse of spotify_transform, {len(dag.tasks)} tasks: {seconds:.2f} s")
    record_property("parse_seconds", seconds)
    assert seconds < PARSE_BUDGET


def test_airflow_can_show_the_groups(dag: DAG) -> None:
    sort_all(dag.task_group)
    assert "freshness.ops_load" in dag.task_group.children["freshness"].children
