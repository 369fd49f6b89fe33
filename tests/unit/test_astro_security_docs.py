"""Each threat of docs/security.md names a test, and the test exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
THREATS = [
    line for line in PAGE.split("## Threats")[1].split("\n## ")[0].splitlines() if line.startswith("| ")
][1:]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_every_threat_names_a_test() -> None:
    assert THREATS
    assert [threat for threat in THREATS if "::test_" not in threat] == []


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_named_test_exists_and_asserts(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert len(found) == 1
    body = ast.unparse(found[0])
    assert "assert " in body or "pytest.raises" in body
