"""Tests that the functions on the path of a track record in docs/architecture.md exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## One track record, from response to mart")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (`.+?`) \| `([^`]+)` \|", SECTION, re.MULTILINE)


def defined(path: Path) -> set[str]:
    """Return the functions of a module, methods as CLASS.METHOD; for a dbt model, its name."""
    if path.suffix == ".sql":
        return {path.stem}
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return names


@pytest.mark.parametrize(("functions", "file"), ROWS, ids=[file for _, file in ROWS])
def test_each_function_on_the_path_exists(functions: str, file: str) -> None:
    assert set(re.findall(r"`([^`]+)`", functions)) <= defined(ROOT / file)


def test_the_path_leads_from_the_api_to_a_mart() -> None:
    files = [file for _, file in ROWS]
    assert files[0].startswith("src/spotify_pipeline/spotify/")
    assert files[-1].startswith("dbt/models/marts/")
    assert len(files) == len(set(files))
