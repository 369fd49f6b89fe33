"""dbt's manifest as tasks: which nodes have one, how it is called, what it selects, and what it waits for.

Every model, seed, snapshot and data test that dbt would run has one task, and so has the freshness of each
source table that declares it. Everything is keyed by dbt's unique id. Plain Python: no Airflow, no Cosmos.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import orjson

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.orchestration.dbt.layers import groups_of_layers
from spotify_pipeline.orchestration.dbt.selectors import full_name, is_selected, selector
from spotify_pipeline.orchestration.dbt.task_names import (
    FRESHNESS,
    RUN,
    clean,
    digest,
    name_of_test,
    short_name,
)
from spotify_pipeline.warehouse.roles import MARTS

MANIFEST = Path("target", "manifest.json")
"""Where a dbt project has its manifest."""
BUILT = frozenset({"model", "seed", "snapshot"})
"""Resource types that make a table or view."""
# names of layers that a task of the DAG has, or the group of the freshness checks
_TAKEN = frozenset(
    {"watermark", "is_anything_new", "publish", "announce", "catch_up", "write_docs", "build_again"}
) | {FRESHNESS}


@dataclass(frozen=True)
class NodeTask:
    """The task of one dbt node.

    Attributes:
        unique_id: dbt's id of the node.
        kind: `model`, `seed`, `snapshot`, `test` or `source`.
        groups: the first parts of its id: the layer, and the node whose tasks are together.
        outer: name of the outer task group: the layer, or all layers that are shown as one group.
        name: last part of its id.
        select: what dbt is asked to run.
        exclude: what else that would run.
        twins: unique ids of nodes that every selector of this one matches, too.
        upstream: unique ids of the tasks that it waits for.
    """

    unique_id: str
    kind: str
    groups: tuple[str, ...]
    outer: str
    name: str
    select: str
    exclude: tuple[str, ...]
    twins: tuple[str, ...]
    upstream: frozenset[str]

    @property
    def task_id(self) -> str:
        """The whole id, which depends on no other node."""
        return ".".join((*self.groups, self.name))


@dataclass(frozen=True)
class DbtManifest:
    """The nodes of a manifest as far as tasks need them."""

    raw: Mapping[str, Any]

    @staticmethod
    def read(path: Path) -> DbtManifest:
        """Read `manifest.json`; a process and its forks read one file once.

        Raises:
            ConfigurationError: it is absent or not JSON.
        """
        try:
            state = path.stat()
            return _read(path, (state.st_ino, state.st_size, state.st_mtime_ns))
        except FileNotFoundError:
            raise ConfigurationError(
                f"dbt manifest {path} is missing: run `make dbt-manifest` (in an image `dbt parse`); "
                "SPOTIFY_PIPELINE_DBT_PROJECT_DIR names another dbt project"
            ) from None
        except ValueError:
            raise ConfigurationError(f"dbt manifest {path} is damaged: run `make dbt-manifest`") from None

    @cached_property
    def nodes(self) -> dict[str, Mapping[str, Any]]:
        """Enabled nodes and sources by unique id."""
        found: dict[str, Mapping[str, Any]] = {**self.raw["nodes"], **self.raw.get("sources", {})}
        return {key: node for key, node in found.items() if node.get("config", {}).get("enabled", True)}

    @cached_property
    def data_tests(self) -> frozenset[str]:
        """Unique ids of the data tests that dbt would run."""
        return frozenset(key for key, node in self.nodes.items() if node["resource_type"] == "test")

    @cached_property
    def tasks(self) -> dict[str, NodeTask]:
        """The task of each node by its unique id.

        Raises:
            ConfigurationError: the project has something that dbt runs and that has no task here.
        """
        if self.raw.get("functions"):
            raise ConfigurationError(
                f"dbt's functions have no task ({', '.join(sorted(self.raw['functions']))}): "
                "create them in a hook"
            )
        for node in self.nodes.values():
            if node["resource_type"] == "snapshot" and node.get("schema") == MARTS:
                raise ConfigurationError(
                    f"snapshot {node['name']} is in schema {MARTS}, which is one of two that trade names: it "
                    "would have two histories. Give it another schema, such as `schema: intermediate`"
                )
        kinds = {key: self._kind(node) for key, node in self.nodes.items()}
        rendered = {key: kind for key, kind in kinds.items() if kind is not None}
        upstream = {key: self._upstream(key, rendered) for key in rendered}
        layers = {key: self._layer(key) for key in rendered}
        groups = groups_of_layers(layers, upstream)
        tasks = {}
        used: dict[str, str] = {}
        for key in sorted(rendered):
            task = self._task(key, rendered[key], layers[key], clean(groups[layers[key]]), upstream[key])
            if task.task_id in used:  # names that the authors chose alike
                task = replace(task, name=f"{task.name}_{digest(key)}")
            used[task.task_id] = key
            tasks[key] = task
        return tasks

    def parents(self, unique_id: str) -> tuple[str, ...]:
        """Unique ids that a node refers to, in the order in which it does."""
        return tuple(dict.fromkeys(self.nodes.get(unique_id, {}).get("depends_on", {}).get("nodes", ())))

    def tests_of(self, unique_id: str) -> int:
        """Return the number of data tests that refer to a node."""
        return sum(unique_id in self.parents(test) for test in self.data_tests)

    def _kind(self, node: Mapping[str, Any]) -> str | None:
        kind = str(node["resource_type"])
        if kind == "test" or (kind in BUILT and not is_ephemeral(node)):
            return kind
        return kind if kind == "source" and _has_freshness(node) else None

    @cached_property
    def _freshness(self) -> frozenset[str]:
        """Unique ids of the sources whose freshness is checked."""
        return frozenset(key for key, node in self.nodes.items() if self._kind(node) == "source")

    def _task(self, key: str, kind: str, layer: str, outer: str, upstream: frozenset[str]) -> NodeTask:
        node = self.nodes[key]
        if kind == "source":
            name = clean(short_name(node))
        else:
            owner = self._owner(key)
            name = RUN.get(kind) or name_of_test(node, None if owner is None else self.nodes[owner])
        groups, name = self._place(key, layer, name)
        selected = self._full_names[key]
        others = {other: self._full_names[other] for other in self._of_kind[kind] if other != key}
        also_selected = {other: theirs for other, theirs in others.items() if is_selected(theirs, selected)}
        twins = {other for other, theirs in also_selected.items() if is_selected(selected, theirs)}
        excluded = {also_selected[other] for other in also_selected.keys() - twins}
        return NodeTask(
            unique_id=key,
            kind=kind,
            groups=groups,
            outer=outer,
            name=name,
            select=selector(selected, kind),
            exclude=tuple(sorted(selector(theirs, kind) for theirs in excluded)),
            twins=tuple(sorted(twins)),
            upstream=upstream,
        )

    @cached_property
    def _full_names(self) -> dict[str, str]:
        return {key: full_name(node) for key, node in self.nodes.items()}

    @cached_property
    def _of_kind(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, node in self.nodes.items():
            found.setdefault(node["resource_type"], []).append(key)
        return found

    def _owner(self, key: str) -> str | None:
        """Return the node whose group a task is in; of a test what it is attached to, else reads first."""
        if self.nodes[key]["resource_type"] != "test":
            return key
        attached = self.nodes[key].get("attached_node")
        if attached in self.nodes:
            return str(attached)
        parents = [parent for parent in self.parents(key) if parent in self.nodes]
        models = (parent for parent in parents if self.nodes[parent]["resource_type"] != "source")
        return next(models, parents[0] if parents else None)

    def _place(self, key: str, layer: str, name: str) -> tuple[tuple[str, ...], str]:
        """Return the groups of a task and the last part of its id."""
        owner = self._owner(key)
        if owner is None or key in self._freshness:
            return (layer,), name
        node = clean(short_name(self.nodes[owner]))
        if is_ephemeral(self.nodes[owner]):
            # a group of tests without the task that they follow could wait for itself through other groups
            return (layer,), f"{node}.{name}"
        return (layer, node), name

    def _layer(self, key: str) -> str:
        if key in self._freshness:
            # apart from the tests of the sources, which follow a task that waits for all freshness checks
            return FRESHNESS
        owner = self._owner(key)
        if owner is None:
            return "tests"
        node = self.nodes[owner]
        kind = node["resource_type"]
        if kind == "source":
            return "sources"
        if node["package_name"] != self._project:
            layer = node["package_name"]
        elif kind == "model":
            # of a versioned model the fqn ends with name and version
            folders = node["fqn"][1 : -2 if node.get("version") is not None else -1]
            layer = folders[0] if folders else "models"
        else:
            layer = f"{kind}s"
        layer = clean(layer)
        return f"{layer}_" if layer in _TAKEN else layer

    @cached_property
    def _project(self) -> str:
        return str(self.raw.get("metadata", {}).get("project_name") or "")

    def _upstream(self, key: str, rendered: Mapping[str, str]) -> frozenset[str]:
        """Tasks to wait for: what is read must be built, and what was tested before must have passed."""
        found = self._nearest(self.parents(key), rendered)
        if rendered[key] != "test":
            found |= {test for test in self.data_tests if key in self._held_back[test]}
        return frozenset(found - {key})

    def _nearest(self, keys: Iterable[str], rendered: Mapping[str, str]) -> set[str]:
        """Nodes with a table among `keys`; of an ephemeral model, those that it reads."""
        found: set[str] = set()
        for key in keys:
            if rendered.get(key) in BUILT:
                found.add(key)
            elif key in self.nodes:
                found |= self._nearest(self.parents(key), rendered)
        return found

    @cached_property
    def _held_back(self) -> dict[str, set[str]]:
        """For each test the first nodes that follow all its parents, as `dbt build` has it.

        They must not be built before the test has passed; what follows them waits through them.
        """
        built = [
            key
            for key, node in self.nodes.items()
            if node["resource_type"] in BUILT and not is_ephemeral(node)
        ]
        held = {}
        for test in self.data_tests:
            parents = {parent for parent in self.parents(test) if parent in self.nodes}
            followers = {key for key in built if parents and parents <= self._ancestors[key]}
            held[test] = {key for key in followers if not followers & self._ancestors[key]}
        return held

    @cached_property
    def _ancestors(self) -> dict[str, frozenset[str]]:
        known: dict[str, frozenset[str]] = {}

        def ancestors(key: str) -> frozenset[str]:
            if key not in known:
                parents = frozenset(self.parents(key))
                known[key] = parents.union(*(ancestors(parent) for parent in parents))
            return known[key]

        for key in self.nodes:
            ancestors(key)
        return known


@lru_cache(maxsize=4)
def _read(path: Path, _version: tuple[int, ...]) -> DbtManifest:
    # the standard library takes a quarter of a second
    return DbtManifest(orjson.loads(path.read_bytes()))


def is_ephemeral(node: Mapping[str, Any]) -> bool:
    """Return whether a model is part of other queries and has no table."""
    return bool(node.get("config", {}).get("materialized") == "ephemeral")


def _has_freshness(source: Mapping[str, Any]) -> bool:
    limits = source.get("freshness") or {}
    return any((limits.get(name) or {}).get("count") for name in ("warn_after", "error_after"))
