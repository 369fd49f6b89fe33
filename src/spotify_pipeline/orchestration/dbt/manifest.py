"""What the DAG needs to know of dbt's manifest: tests by parent, readable names, what a test holds back.

Plain Python over `manifest.json`: no Airflow, no Cosmos.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spotify_pipeline.errors import ConfigurationError

# Airflow allows 250 for a whole task id, the names of the groups around it included
LABEL_LENGTH = 80


@dataclass(frozen=True)
class DataTest:
    """One data test. `name` is unique in the project and selects it; `label` is what the task is called."""

    unique_id: str
    name: str
    label: str
    parents: frozenset[str]


@dataclass(frozen=True)
class DbtManifest:
    """The nodes of a manifest as far as wiring needs them."""

    raw: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> DbtManifest:
        """Read `manifest.json`.

        Raises:
            ConfigurationError: it is absent or no JSON.
        """
        try:
            return cls(json.loads(path.read_bytes()))
        except FileNotFoundError:
            raise ConfigurationError(
                f"dbt manifest {path} is missing: run `make dbt-manifest` (in an image `dbt parse`); "
                "SPOTIFY_PIPELINE_DBT_PROJECT_DIR names another dbt project"
            ) from None
        except ValueError:
            raise ConfigurationError(f"dbt manifest {path} is damaged: run `make dbt-manifest`") from None

    @cached_property
    def data_tests(self) -> dict[str, DataTest]:
        """Data tests by unique id; two of the same parents that would be labelled alike keep their names."""
        found = [node for node in self.raw["nodes"].values() if node["resource_type"] == "test"]
        labels: dict[tuple[frozenset[str], str], int] = defaultdict(int)
        for node in found:
            labels[_parents(node), self._label(node)] += 1
        tests = {}
        for node in found:
            parents, label = _parents(node), self._label(node)
            label = label if labels[parents, label] == 1 else node["name"]
            tests[node["unique_id"]] = DataTest(node["unique_id"], node["name"], _shortened(label), parents)
        return tests

    @cached_property
    def tests_of_one(self) -> dict[str, list[DataTest]]:
        """Tests with a single parent, by that parent's unique id, in the order of their labels."""
        by_parent: dict[str, list[DataTest]] = defaultdict(list)
        for test in sorted(self.data_tests.values(), key=lambda test: test.label):
            if len(test.parents) == 1:
                by_parent[next(iter(test.parents))].append(test)
        return dict(by_parent)

    @cached_property
    def tests_of_several(self) -> list[DataTest]:
        """Tests with more than one parent."""
        return [test for test in self.data_tests.values() if len(test.parents) > 1]

    def held_back_by(self, test: DataTest) -> set[str]:
        """Unique ids of the first models that follow all parents of a test, as `dbt build` has it.

        They must not be built before the test has passed; what follows them waits through them.
        """
        followers = {
            node_id
            for node_id, node in self.raw["nodes"].items()
            if node["resource_type"] == "model" and test.parents <= self._ancestors[node_id]
        }
        return {node_id for node_id in followers if not followers & self._ancestors[node_id]}

    @cached_property
    def _ancestors(self) -> dict[str, frozenset[str]]:
        nodes = self.raw["nodes"]
        known: dict[str, frozenset[str]] = {}

        def ancestors(node_id: str) -> frozenset[str]:
            if node_id not in known:
                parents = _parents(nodes[node_id]) if node_id in nodes else frozenset()
                known[node_id] = parents.union(*(ancestors(parent) for parent in parents))
            return known[node_id]

        for node_id in nodes:
            ancestors(node_id)
        return known

    def _label(self, node: Mapping[str, Any]) -> str:
        """What is tested, without the arguments that dbt puts into a name.

        A test of one parent, whose group names it: `unique_track_id`. Of several:
        `stg_tracks_album_id_in_stg_albums`. A name of the author's own stays.
        """
        name, metadata = str(node["name"]), node.get("test_metadata")
        if not metadata or not name.removeprefix("source_").startswith(f"{metadata['name']}_"):
            return name
        column = node.get("column_name") or ""
        parents = _parents(node)
        if len(parents) == 1:
            return f"{metadata['name']}_{column}".rstrip("_")
        tested = node.get("attached_node") or ""
        others = sorted(parent.rpartition(".")[2] for parent in parents if parent != tested)
        return f"{tested.rpartition('.')[2]}_{column}_in_{'_'.join(others)}"


def _parents(node: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(node.get("depends_on", {}).get("nodes", ()))


def _shortened(label: str) -> str:
    """Cut a long label; the digest keeps two that begin alike apart."""
    if len(label) <= LABEL_LENGTH:
        return label
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    return f"{label[: LABEL_LENGTH - 9].rstrip('_')}_{digest}"
