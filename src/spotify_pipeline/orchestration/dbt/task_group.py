"""The dbt project as Airflow tasks: every model, seed and data test its own, expanded by Cosmos.

Cosmos gives one test task per model. Its node converters may put a group of tasks there instead, which is how
each test gets its own; a test with several parents is "detached" by Cosmos and waits for all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, TaskGroup
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import (
    DbtResourceType,
    ExecutionMode,
    InvocationMode,
    LoadMode,
    SourceRenderingBehavior,
    TestBehavior,
)
from cosmos.dbt.graph import DbtNode

from spotify_pipeline.connections import WAREHOUSE_DBT
from spotify_pipeline.orchestration.dbt.manifest import DataTest, DbtManifest
from spotify_pipeline.orchestration.dbt.operators import (
    CheckFreshness,
    LoadSeed,
    RunDataTest,
    RunModel,
)
from spotify_pipeline.orchestration.dbt.profile import WarehouseProfileMapping
from spotify_pipeline.orchestration.dbt.single_task import task_alone
from spotify_pipeline.warehouse.roles import MARTS_BUILD

GROUP = "dbt"
# names that Cosmos gives the one test task of a model, and the task of a detached test
MODEL_SLOT, DETACHED_SUFFIX = "test", "_test"
# constant in every task: a profile, target or variable that differs makes dbt parse the project anew
PROFILE, TARGET = "spotify", "build"
PROFILE_ARGS = {"schema": MARTS_BUILD, "threads": 1, "connect_timeout": 10, "retries": 1}
# a node asks for the relations of its own schemas, not for all of the warehouse
OPERATOR_ARGS: dict[str, Any] = {"cache_selected_only": True}
# what Cosmos itself hands to each operator, for a task that is made without it
COMMON: dict[str, Any] = {
    **OPERATOR_ARGS,
    "invocation_mode": InvocationMode.DBT_RUNNER,
    "install_deps": False,
    "copy_dbt_packages": False,
    "emit_datasets": False,
    "dbt_executable_path": ExecutionConfig().dbt_executable_path,
}
MANIFEST = Path("target", "manifest.json")


def dbt_task_group(project: Path) -> DbtTaskGroup | BaseOperator:
    """Tasks of the dbt project at `project`, inside the DAG being defined; freshness is the first of them.

    Reads `target/manifest.json`, nothing else: no dbt call, no connection. In the process of one of these
    tasks it may be that task alone, see `transform_alone`.

    Raises:
        ConfigurationError: the manifest is missing; `make dbt-manifest` makes it.
    """
    manifest = DbtManifest.read(project / MANIFEST)
    arguments = node_arguments(project)
    return task_alone(project, manifest, arguments) or _whole_graph(
        project, manifest, arguments["profile_config"]
    )


def node_arguments(project: Path) -> dict[str, Any]:
    """What every operator of the project is made with, where Cosmos does not make it."""
    profile = ProfileConfig(
        profile_name=PROFILE,
        target_name=TARGET,
        profile_mapping=WarehouseProfileMapping(WAREHOUSE_DBT, profile_args=PROFILE_ARGS),
    )
    return COMMON | {"project_dir": project, "profile_config": profile}


def _whole_graph(project: Path, manifest: DbtManifest, profile: ProfileConfig) -> DbtTaskGroup:
    renderer = _Renderer(manifest)
    group = DbtTaskGroup(
        group_id=GROUP,
        project_config=ProjectConfig(
            dbt_project_path=project, manifest_path=project / MANIFEST, install_dbt_deps=False
        ),
        profile_config=profile,
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            # a model's own asset would be emitted before its tests
            emit_datasets=False,
            test_behavior=TestBehavior.AFTER_EACH,
            should_detach_multiple_parents_tests=True,
            source_rendering_behavior=SourceRenderingBehavior.ALL,
            group_nodes_by_folder=True,
            node_conversion_by_task_group=False,
            node_converters={
                DbtResourceType.MODEL: renderer.model,
                DbtResourceType.SEED: renderer.seed,
                DbtResourceType.SOURCE: renderer.source,
                DbtResourceType.TEST: renderer.tests,
            },
        ),
        operator_args=OPERATOR_ARGS,
    )
    for test in manifest.tests_of_several:
        for model_id in manifest.held_back_by(test):
            group.tasks_map[test.unique_id] >> group.tasks_map[model_id]
    freshness = [task for task in group.iter_tasks() if isinstance(task, CheckFreshness)]
    for root in list(group.get_roots()):
        if not isinstance(root, CheckFreshness):
            root.set_upstream(freshness)
    return group


class _Renderer:
    """Node converters for Cosmos; the keyword arguments not named are those that we have no use for."""

    def __init__(self, manifest: DbtManifest) -> None:
        self._manifest = manifest
        self._several = {test.name: test for test in manifest.tests_of_several}
        self._across: TaskGroup | None = None

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Renderer:
        return self  # Cosmos copies its configuration; the manifest in here need not be

    def model(self, *, node: DbtNode, task_args: dict[str, Any], **place: Any) -> BaseOperator:
        return RunModel(select=_fqn(node), **_arguments(node, task_args, place))

    def seed(self, *, node: DbtNode, task_args: dict[str, Any], **place: Any) -> BaseOperator:
        return LoadSeed(select=_fqn(node), **_arguments(node, task_args, place))

    def source(self, *, node: DbtNode, task_args: dict[str, Any], **place: Any) -> BaseOperator:
        """Freshness where it is declared, else a mark for the source's tests and models to hang on."""
        if not node.has_freshness:
            return EmptyOperator(task_id=place["task_id"], dag=place["dag"], task_group=place["task_group"])
        arguments = _arguments(node, task_args, place) | {"task_id": "freshness"}
        return CheckFreshness(select=f"source:{node.resource_name}", **arguments)

    def tests(
        self, *, node: DbtNode, task_args: dict[str, Any], dag: DAG, task_group: TaskGroup, **place: Any
    ) -> BaseOperator | TaskGroup:
        """The group of all tests of one parent, or a test of several.

        For the latter Cosmos 1.15 hands over the node it came to last; the test is known by its task's name.
        """
        if place["task_id"] != MODEL_SLOT:
            if self._across is None:
                self._across = TaskGroup("across_models", dag=dag, parent_group=_outermost(task_group))
            name = place["task_id"].removesuffix(DETACHED_SUFFIX)
            return _test(self._several[name], task_args, dag, self._across)
        group = TaskGroup("test", dag=dag, parent_group=task_group)
        for test in self._manifest.tests_of_one[node.unique_id]:
            _test(test, task_args, dag, group)
        return group


def _test(test: DataTest, task_args: dict[str, Any], dag: DAG, group: TaskGroup) -> RunDataTest:
    return RunDataTest(task_id=test.label, select=test.name, dag=dag, task_group=group, **task_args)


def _arguments(node: DbtNode, task_args: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    where = {name: place[name] for name in ("task_id", "dag", "task_group")}
    return {**task_args, **where, "extra_context": {"dbt_node_config": node.context_dict}}


def _fqn(node: DbtNode) -> str:
    return f"fqn:{'.'.join(node.fqn or [node.resource_name])}"


def _outermost(group: TaskGroup) -> TaskGroup:
    """The group of the whole dbt project, which Cosmos does not hand to a converter."""
    while group.parent_group is not None and group.group_id != GROUP:
        group = group.parent_group
    return group
