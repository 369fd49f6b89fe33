"""Tests the entity diagram of the marts."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from spotify_stack.dbt_manifest import MANIFEST, build_manifest
from tools.entity_diagram import PAGE, drawn_into, mermaid


def model(name: str, *columns: str, key: str) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "schema": "marts",
        "name": name,
        "columns": {column: {"data_type": "numeric(4, 1)"} for column in columns},
        "config": {"indexes": [{"columns": ["other"]}, {"columns": [key], "unique": True}]},
    }


def test_a_reference_is_a_line_and_a_marked_column() -> None:
    manifest = {
        "nodes": {
            "model.p.dim": model("dim", "dim_id", key="dim_id"),
            "model.p.fct": model("fct", "fct_id", "dim_id", "amount", key="fct_id"),
            "model.p.stg": model("stg", "id", key="id") | {"schema": "dbt_staging"},
            "test.p.reference": {
                "resource_type": "test",
                "test_metadata": {"name": "relationships", "kwargs": {"to": "ref('dim')"}},
                "attached_node": "model.p.fct",
                "column_name": "dim_id",
            },
            "test.p.unique": {"resource_type": "test", "test_metadata": {"name": "unique"}},
        }
    }

    assert mermaid(manifest).splitlines() == [
        "erDiagram",
        "    dim {",
        "        numeric(4,_1) dim_id PK",
        "    }",
        "    fct {",
        "        numeric(4,_1) fct_id PK",
        "        numeric(4,_1) dim_id FK",
        "    }",
        "    dim ||--o{ fct : dim_id",
    ]


def test_the_diagram_of_the_documentation_is_current() -> None:
    build_manifest(lambda command: subprocess.run(command, check=True))  # noqa: S603 - our own command line
    page = PAGE.read_text(encoding="utf-8")

    assert "erDiagram" in page
    assert drawn_into(page, json.loads(MANIFEST.read_bytes())) == page, "run `make dbt-diagram`"
