"""Writes the reference page of the DAGs: schedules, assets, parameters and tasks from the DAG files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

from airflow.dag_processing.dagbag import DagBag

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import PROJECT_ROOT

# the description of a task that runs one dbt node starts with the node's id
_NODE = re.compile(r"`(model|seed|test|source)\.")
_NODE_TASKS = {
    "source": ("sources.<table>.freshness", "check that loads are recent"),
    "seed": ("seeds.<seed>.seed", "load a seed"),
    "model": ("<schema>.<model>.run", "build a model"),
    "test": ("<schema>.<model>.<test>", "run one data test of a model"),
}


@cache
def dags() -> dict[str, Any]:
    """Return the DAGs of the folder `dags/` by their ids.

    Raises:
        ConfigurationError: a file cannot be imported, for example without dbt's manifest.
    """
    bag = DagBag(PROJECT_ROOT / "dags")
    if bag.import_errors:
        raise ConfigurationError("; ".join(map(str, bag.import_errors.values())))
    return dict(sorted(bag.dags.items()))


def lines() -> Iterator[str]:
    """Yield the lines of the page below its introduction."""
    for dag_id, dag in dags().items():
        yield from (f"## `{dag_id}`", "", f"{dag.description}.", "", *_facts(dag), "")
        # Cosmos adds one of its own
        if names := [name for name in dag.params if not name.startswith("__")]:
            yield from ("| parameter | type | default | meaning |", "|---|---|---|---|")
            yield from (_parameter(name, dag.params.get_param(name)) for name in names)
            yield ""
        yield from ("| task | what it does |", "|---|---|", *_tasks(dag), "")


def _facts(dag: Any) -> Iterator[str]:
    if asset := getattr(dag.timetable, "asset_condition", None):
        yield f"- Starts after `{asset.name}`."
    elif cron := getattr(dag.timetable, "expression", None):
        yield f"- Starts at `{cron}`, UTC."
    else:
        yield "- Starts when it is triggered."
    if emits := sorted({f"`{outlet.name}`" for task in dag.tasks for outlet in task.outlets}):
        yield f"- Emits {', '.join(emits)}."
    yield f"- At most {dag.max_active_runs} of its runs are active at the same time."


def _parameter(name: str, param: Any) -> str:
    kinds = [param.schema["type"]] if isinstance(param.schema["type"], str) else param.schema["type"]
    kind = param.schema.get("format") or next(kind for kind in kinds if kind != "null")
    # none counts as no value
    default = f"`{param.value}`" if param.has_value else "" if "null" in kinds else "required"
    return f"| `{name}` | {kind} | {default} | {param.description} |"


def _tasks(dag: Any) -> Iterator[str]:
    upstream = {task_id: sorted(dag.get_task(task_id).upstream_task_ids) for task_id in sorted(dag.task_dict)}
    nodes: Counter[str] = Counter()
    for task_id in TopologicalSorter(upstream).static_order():
        text = dag.get_task(task_id).doc_md or ""
        if node := _NODE.match(text):
            nodes[node[1]] += 1
        else:
            yield f"| `{task_id}` | {' '.join(text.strip().split(chr(10) * 2)[0].split())} |"
    for kind, (name, what) in _NODE_TASKS.items():
        if count := nodes[kind]:
            yield f"| `{name}` | {what}: {count} {'tasks' if count > 1 else 'task'} |"
