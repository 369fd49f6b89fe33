"""Makes one Airflow task for each model, seed, snapshot and data test of the dbt project, with Cosmos.

Cosmos would make one task for all tests of a model. Here it makes the tasks of all other nodes, its
converters put them into groups by layer and model, and the tests are added to these groups. `manifest` has
the names, groups and edges of the tasks.

The process of a task parses its DAG file again and needs only one operator of it, but making the whole graph
takes longer than most nodes take to run. In a fork of a warm scheduler, which has the parsed project, only
that operator is made, from the manifest. A test compares each of them with that of the whole graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, TaskGroup, get_parsing_context
from cosmos import ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import (
    DbtResourceType,
    ExecutionMode,
    InvocationMode,
    LoadMode,
    SourceRenderingBehavior,
    TestBehavior,
)
from cosmos.converter import DbtToAirflowConverter
from cosmos.dbt.graph import DbtNode as CosmosNode

from spotify_pipeline.connections import WAREHOUSE_DBT
from spotify_pipeline.orchestration.dbt import parsed_project
from spotify_pipeline.orchestration.dbt.manifest import MANIFEST, DbtManifest, NodeTask
from spotify_pipeline.orchestration.dbt.operators import (
    CheckFreshness,
    DbtNode,
    LoadSeed,
    RunDataTest,
    RunModel,
    TakeSnapshot,
)
from spotify_pipeline.orchestration.dbt.profile import WarehouseProfileMapping
from spotify_pipeline.warehouse.roles import MARTS_BUILD

# equal in every task: with another profile, target or variable, dbt parses the project again
PROFILE, TARGET = "spotify", "build"
PROFILE_ARGS = {"schema": MARTS_BUILD, "threads": 1, "connect_timeout": 10, "retries": 1}
# a node reads the relations of its own schemas, not of the whole warehouse
OPERATOR_ARGS: dict[str, Any] = {"cache_selected_only": True}
# arguments that Cosmos passes to each operator, for a task that is made without Cosmos
COMMON: dict[str, Any] = {
    **OPERATOR_ARGS,
    "invocation_mode": InvocationMode.DBT_RUNNER,
    "install_deps": False,
    "copy_dbt_packages": False,
    "emit_datasets": False,
    "dbt_executable_path": ExecutionConfig().dbt_executable_path,
}
# whether a task rebuilds its table, by the params of a run that is triggered by hand
_FULL_REFRESH = "{{{{ params.full_refresh and (not params.select or '{name}' in params.select) }}}}"
_OPERATORS: dict[str, type[Any]] = {
    "model": RunModel,
    "seed": LoadSeed,
    "snapshot": TakeSnapshot,
    "source": CheckFreshness,
    "test": RunDataTest,
}


@dataclass(frozen=True)
class DbtTasks:
    """Tasks of a dbt project.

    Attributes:
        freshness: the checks of sources; they have no upstream and no downstream task here.
        first: tasks without an upstream task, apart from freshness.
        last: tasks without a downstream task.
    """

    freshness: list[BaseOperator]
    first: list[BaseOperator]
    last: list[BaseOperator]


def dbt_tasks(project: Path, dag: DAG) -> DbtTasks:
    """Add the tasks of the dbt project at `project` to a DAG.

    It reads only `target/manifest.json`, and neither calls dbt nor reads a connection. In the process of one
    of these tasks it may add that task alone.

    Raises:
        ConfigurationError: the manifest is missing (`make dbt-manifest` makes it), or a node has no task.
    """
    manifest = DbtManifest.read(project / MANIFEST)
    alone = _task_of_this_process(project, manifest, dag)
    return DbtTasks([], [alone], [alone]) if alone is not None else _whole_graph(project, manifest, dag)


def node_arguments(project: Path) -> dict[str, Any]:
    """Return the arguments of an operator that is made without Cosmos."""
    profile = ProfileConfig(
        profile_name=PROFILE,
        target_name=TARGET,
        profile_mapping=WarehouseProfileMapping(WAREHOUSE_DBT, profile_args=PROFILE_ARGS),
    )
    return COMMON | {"project_dir": project, "profile_config": profile}


def _task_of_this_process(project: Path, manifest: DbtManifest, dag: DAG) -> BaseOperator | None:
    """Return the dbt task that this process runs; None if the whole graph is needed."""
    task_id = get_parsing_context().task_id
    if task_id is None or not parsed_project.is_kept(project):
        return None
    found = next((task for task in manifest.tasks.values() if task.task_id == task_id), None)
    return None if found is None else _operator(found, manifest, task_id, dag=dag, **node_arguments(project))


def _whole_graph(project: Path, manifest: DbtManifest, dag: DAG) -> DbtTasks:
    renderer = _Renderer(manifest, dag)
    arguments = node_arguments(project)
    DbtToAirflowConverter(
        dag=dag,
        project_config=ProjectConfig(
            dbt_project_path=project, manifest_path=project / MANIFEST, install_dbt_deps=False
        ),
        profile_config=arguments["profile_config"],
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            # a model's own asset would be emitted before its tests
            emit_datasets=False,
            # the tests are added below
            test_behavior=TestBehavior.NONE,
            source_rendering_behavior=SourceRenderingBehavior.ALL,
            node_converters=dict.fromkeys(
                (
                    DbtResourceType.MODEL,
                    DbtResourceType.SEED,
                    DbtResourceType.SNAPSHOT,
                    DbtResourceType.SOURCE,
                ),
                renderer.convert,
            ),
        ),
        operator_args=OPERATOR_ARGS,
    )
    # nodes that Cosmos does not convert: the tests, and any that it leaves out of the manifest
    for unique_id in sorted(manifest.tasks.keys() - renderer.tasks.keys()):
        renderer.add(manifest.tasks[unique_id], arguments)
    return renderer.add_edges()


class _Renderer:
    """Makes the operators, in groups by layer and node, and their edges."""

    def __init__(self, manifest: DbtManifest, dag: DAG) -> None:
        self.tasks: dict[str, BaseOperator] = {}
        self._manifest = manifest
        self._dag = dag
        self._groups: dict[tuple[str, ...], TaskGroup] = {}

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Renderer:
        return self  # Cosmos copies its configuration, but the tasks must be added to this object

    def convert(self, *, node: CosmosNode, task_args: dict[str, Any], **_unused: Any) -> BaseOperator | None:
        """Make the task of a node for Cosmos; None for an ephemeral model and a source without freshness."""
        task = self._manifest.tasks.get(node.unique_id)
        if task is None:
            return None
        return self.add(task, {**task_args, "extra_context": {"dbt_node_config": node.context_dict}})

    def add(self, task: NodeTask, arguments: dict[str, Any]) -> BaseOperator:
        """Make the operator of a task, in its group."""
        group = self._group_of(task)
        place: dict[str, Any] = {"dag": self._dag, "task_group": group}
        name = task.name
        if not group.prefix_group_id:
            place["task_display_name"], name = task.name, task.task_id
        made = _operator(task, self._manifest, name, **{**arguments, **place})
        self.tasks[task.unique_id] = made
        return made

    def add_edges(self) -> DbtTasks:
        """Add the edges between the tasks, and return the tasks."""
        for unique_id, task in self.tasks.items():
            upstream = self._manifest.tasks[unique_id].upstream
            task.set_upstream([self.tasks[other] for other in sorted(upstream)])
        freshness = [task for task in self.tasks.values() if isinstance(task, CheckFreshness)]
        others = [task for task in self.tasks.values() if not isinstance(task, CheckFreshness)]
        checks = {task.task_id for task in freshness}
        return DbtTasks(
            freshness,
            [task for task in others if task.upstream_task_ids <= checks],
            [task for task in others if not task.downstream_task_ids],
        )

    def _group_of(self, task: NodeTask) -> TaskGroup:
        """Return the innermost group of a task."""
        layer, *node = task.groups
        names = (task.outer, *node)
        if task.outer == layer:
            return self._group(names)
        # ids keep their layer if several layers are shown as one group
        inner = [f"{layer}-{name}" for name in node]
        outer = self._group((task.outer,), prefix_group_id=False)
        return self._group((task.outer, *inner), prefix_group_id=False, label=node[0]) if inner else outer

    def _group(self, names: tuple[str, ...], *, prefix_group_id: bool = True, label: str = "") -> TaskGroup:
        if names not in self._groups:
            parent = self._group(names[:-1]) if len(names) > 1 else self._dag.task_group
            self._groups[names] = TaskGroup(
                names[-1],
                dag=self._dag,
                parent_group=parent,
                prefix_group_id=prefix_group_id,
                group_display_name=label,
            )
        return self._groups[names]


def _operator(task: NodeTask, manifest: DbtManifest, task_id: str, **arguments: Any) -> BaseOperator:
    if task.kind in {"model", "seed"}:
        arguments["full_refresh"] = full_refresh(manifest.nodes[task.unique_id]["name"])
    # a single node reads the relations it needs; reading all relations and dependencies takes longer
    arguments["dbt_cmd_global_flags"] = ["--no-populate-cache"]
    made: Any = _OPERATORS[task.kind](
        task_id=task_id,
        select=task.select,
        exclude=list(task.exclude) or None,
        doc_md=_documentation(manifest, task),
        **arguments,
    )
    node: DbtNode = made
    node.dbt_node, node.twins = task.unique_id, task.twins
    result: BaseOperator = made
    return result


def full_refresh(name: str) -> str:
    """Return the template of the argument `full_refresh` of a model or seed."""
    return _FULL_REFRESH.format(name=name)


def _documentation(manifest: DbtManifest, task: NodeTask) -> str:
    """Return description and columns of a node as Markdown."""
    node = manifest.nodes[task.unique_id]
    lines: list[str] = [f"`{task.unique_id}`", "", str(node.get("description") or "").strip()]
    columns = [column for column in node.get("columns", {}).values() if column.get("description")]
    if columns and task.kind != "test":
        lines += ["", "| column | |", "|---|---|", *(_row(column) for column in columns)]
    return "\n".join(lines).strip()


def _row(column: dict[str, Any]) -> str:
    description = " ".join(str(column["description"]).split()).replace("|", "\\|")
    return f"| `{column['name']}` | {description} |"
