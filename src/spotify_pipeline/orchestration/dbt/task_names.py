"""Names of the tasks of dbt nodes, which Airflow accepts and which no other node changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

# Airflow allows 250 for a whole task id, the names of the two groups around it included
NAME_LENGTH = 80
RUN = {"model": "run", "seed": "seed", "snapshot": "snapshot"}
"""Name of the task that builds a node, by resource type."""
FRESHNESS = "freshness"
# what dbt's own names of tests lose: everything but these
_LOST = re.compile(r"[^0-9A-Za-z_]")
_CALL = re.compile(r"\s*(ref|source)\(['\"\w\s,.]*\)\s*")


def short_name(node: Mapping[str, Any]) -> str:
    """Return the name of a node in its project: of a source with its group, of a model with its version."""
    if node["resource_type"] == "source":
        return f"{node['source_name']}_{node['name']}"
    version = node.get("version")
    return str(node["name"]) if version is None else f"{node['name']}_v{version}"


def name_of_test(node: Mapping[str, Any], owner: Mapping[str, Any] | None) -> str:
    """Return what is tested, without the node whose group says so; it depends on no other test.

    dbt drops special characters of the arguments from the name, so that two tests can have one name: a test
    with such arguments has a digest of its id in the name.
    """
    name, metadata = str(node["name"]), node.get("test_metadata")
    kind = metadata["name"] if metadata else None
    rest = name.removeprefix("source_")
    if metadata and kind and owner and rest.startswith(f"{kind}_"):
        rest = rest.removeprefix(f"{kind}_").removeprefix(_LOST.sub("_", short_name(owner))).strip("_")
        arguments = [value for key, value in metadata["kwargs"].items() if key != "model"]
        lossy = any(_is_lossy(value) for value in arguments)
        name = f"{kind}_{rest}".rstrip("_") + (f"_{digest(node['unique_id'])}" if lossy else "")
    name = clean(name)
    return f"{name}_" if name in {*RUN.values(), FRESHNESS} else name


def clean(name: str) -> str:
    """Return a part of a task id that Airflow takes; a digest keeps different names apart."""
    cleaned = re.sub(r"[^0-9A-Za-z_-]", "_", name)
    if cleaned == name and len(name) <= NAME_LENGTH:
        return name
    return f"{cleaned[: NAME_LENGTH - 9].rstrip('_')}_{digest(name)}"


def digest(text: str) -> str:
    """Return eight hexadecimal digits of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _is_lossy(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_is_lossy(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_is_lossy(item) for item in value)
    return not _CALL.fullmatch(str(value)) and bool(_LOST.search(str(value)))
