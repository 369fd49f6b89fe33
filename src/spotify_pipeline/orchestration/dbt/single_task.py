"""One task without the graph around it.

A task's process reads its DAG file again and needs a single operator of it, but drawing all of dbt's graph
takes longer than most nodes take to run. In a fork of a warm scheduler, which has the parsed project at hand,
the operator is made from the manifest alone. A test holds every one of them to what the whole graph gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from airflow.sdk import BaseOperator, get_parsing_context

from spotify_pipeline.orchestration.dbt import parsed_project
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.orchestration.dbt.operators import CheckFreshness, LoadSeed, RunDataTest, RunModel

Operator = type[RunModel] | type[LoadSeed] | type[RunDataTest] | type[CheckFreshness]


@dataclass(frozen=True)
class Recipe:
    """What distinguishes one dbt task from another: its operator, and what it selects in the project."""

    operator: Operator
    select: str


def task_alone(project: Path, manifest: DbtManifest, arguments: Mapping[str, Any]) -> BaseOperator | None:
    """The dbt task that this process was started for; None where all of them are to be drawn."""
    task_id = get_parsing_context().task_id
    if task_id is None or not parsed_project.is_kept(project):
        return None
    recipe = recipes(manifest).get(task_id)
    return None if recipe is None else recipe.operator(task_id=task_id, select=recipe.select, **arguments)


def recipes(manifest: DbtManifest) -> dict[str, Recipe]:
    """Recipe of each dbt task by its whole id, as Cosmos and our converters name it."""
    found: dict[str, Recipe] = {}
    for unique_id, node in [*manifest.raw["nodes"].items(), *manifest.raw["sources"].items()]:
        kind, name = node["resource_type"], node["name"]
        if kind == "source":
            name = f"{node['source_name']}_{name}"
        folder = f"dbt.{'.'.join(PurePosixPath(node['original_file_path']).parent.parts)}"
        group = f"{folder}.{name}"
        fqn = f"fqn:{'.'.join(node['fqn'])}"
        tests = manifest.tests_of_one.get(unique_id, ())
        # a node without tests of its own has no group either, and its task carries the name of both
        joint = "." if tests else "_"
        if kind == "model":
            found[f"{group}{joint}run"] = Recipe(RunModel, fqn)
        elif kind == "seed":
            found[f"{group}{joint}seed"] = Recipe(LoadSeed, fqn)
        elif _has_freshness(node):
            select = f"source:{node['source_name']}.{node['name']}"
            found[f"{group if tests else folder}.freshness"] = Recipe(CheckFreshness, select)
        for test in tests:
            found[f"{group}.test.{test.label}"] = Recipe(RunDataTest, test.name)
    for test in manifest.tests_of_several:
        found[f"dbt.across_models.{test.label}"] = Recipe(RunDataTest, test.name)
    return found


def _has_freshness(source: Mapping[str, Any]) -> bool:
    limits = source.get("freshness") or {}
    return any((limits.get(name) or {}).get("count") for name in ("warn_after", "error_after"))
