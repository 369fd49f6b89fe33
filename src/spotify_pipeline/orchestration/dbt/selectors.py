"""Selects one node in a call of dbt: its full name, and the selector that matches it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any


def full_name(node: Mapping[str, Any]) -> str:
    """Return the name that dbt's selectors compare with: package, folders and name, with dots between."""
    if node["resource_type"] != "source":
        return ".".join(node["fqn"])
    # a name with a dot would be two parts
    return ".".join(node[part].replace(".", "?") for part in ("package_name", "source_name", "name"))


def selector(name: str, kind: str) -> str:
    """Return the selector of a node.

    Args:
        name: Its full name.
        kind: `source`, or another type of resource.
    """
    return f"{'source' if kind == 'source' else 'fqn'}:{_pattern(name)}"


def is_selected(name: str, selected: str) -> bool:
    """Return whether the selector of one node matches another one, too.

    It does if the other one is in a folder of that name, or if the names differ only in characters that
    selectors cannot express.

    Args:
        name: Full name of the other node.
        selected: Full name of the node that the selector is made for.
    """
    pattern = _pattern(selected)
    return (
        name == selected or name.startswith(f"{selected}.") or ("?" in pattern and fnmatchcase(name, pattern))
    )


@cache
def _pattern(name: str) -> str:
    # `?` matches any character; the others have a meaning in selectors
    return re.sub(r"[^\w.-]", "?", name)
