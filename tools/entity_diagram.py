"""Draws the entity diagram of docs/warehouse.md from dbt's manifest.

Entities are the marts, their keys the columns of the unique index. A line is a column named after
the key of a dimension (`track_id`, `primary_artist_id`), or a test that a column refers to a mart.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dbt_manifest import MANIFEST, build_manifest

PAGE = PROJECT_ROOT / "docs" / "warehouse.md"
_REFERENCE_TESTS = ("relationships", "new_rows_refer_to")
_BLOCK = re.compile(
    r"(?<=<!-- entities: made by `make dbt-diagram` -->\n).*?(?=<!-- end of entities -->)", re.S
)


def mermaid(manifest: Mapping[str, Any]) -> str:
    """Return the marts as a Mermaid `erDiagram` with keys and references, without other columns."""
    marts = {
        node_id: node
        for node_id, node in sorted(manifest["nodes"].items())
        if node["resource_type"] == "model" and node["schema"] == "marts"
    }
    references = sorted(set(_references(manifest, marts)))
    lines = ["erDiagram"]
    for node in marts.values():
        key = _key(node)
        others = {column for child, column, _ in references if child == node["name"]} - set(key)
        lines.append(f"    {node['name']} {{")
        for column in [*key, *sorted(others)]:
            marks = ["PK"] * (column in key) + ["FK"] * any(
                (node["name"], column) == (child, name) for child, name, _ in references
            )
            data_type = node["columns"][column]["data_type"].replace(" ", "_")
            lines.append(f"        {data_type} {column} {', '.join(marks)}")
        lines.append("    }")
    lines += [f"    {parent} ||--o{{ {child} : {column}" for child, column, parent in references]
    return "\n".join(lines) + "\n"


def drawn_into(page: str, manifest: Mapping[str, Any]) -> str:
    """Return the page with a new diagram."""
    return _BLOCK.sub(lambda _: f"```mermaid\n{mermaid(manifest)}```\n", page)


def _key(node: Mapping[str, Any]) -> list[str]:
    return next(list(index["columns"]) for index in node["config"]["indexes"] if index.get("unique"))


def _references(
    manifest: Mapping[str, Any], marts: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str, str]]:
    """Return child, column and parent of each reference between two marts."""
    found = [
        (child["name"], column, parent["name"])
        for parent in marts.values()
        for key in [_key(parent)]
        if parent["name"].startswith("dim") and len(key) == 1 and key[0].endswith("_id")
        for child in marts.values()
        for column in child["columns"]
        if child is not parent and (column == key[0] or column.endswith(f"_{key[0]}"))
    ]
    names = {node["name"] for node in marts.values()}
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        if test.get("name") not in _REFERENCE_TESTS or node["attached_node"] not in marts:
            continue
        parent = test["kwargs"]["to"].removeprefix("ref('").removesuffix("')")
        if parent in names:
            found.append((marts[node["attached_node"]]["name"], node["column_name"], parent))
    return found


def write(page: Path = PAGE) -> None:
    """Replace the diagram in the page."""
    build_manifest(lambda command: subprocess.run(command, check=True))  # noqa: S603 - our own command line
    text = page.read_text(encoding="utf-8")
    page.write_text(drawn_into(text, json.loads(MANIFEST.read_bytes())), encoding="utf-8")


if __name__ == "__main__":
    write()
