"""Tests that docs/architecture.md has a row for every package, and the layers of pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([\w/]+)/` \| .+ \|$", PAGE.split("## The code")[1].split("\n## ")[0], re.MULTILINE)
TOP = ("dags", "plugins", "config", "dbt", "tools", "tests", "benchmarks")
TESTS = ("tests/unit", "tests/integration", "tests/e2e", "tests/faults")


def packages() -> set[str]:
    """Return the folders of `src` that contain files; versions of the schemas count as their parent."""
    parents = {
        path.parent
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and path.suffix in {".py", ".json", ".j2", ".sql"} and "egg-info" not in str(path)
    }
    found = {path.parent if re.fullmatch(r"v\d+", path.name) else path for path in parents}
    return {str(path.relative_to(ROOT)) for path in found}


def test_every_package_has_one_row_and_every_row_a_package() -> None:
    assert sorted(ROWS) == sorted({*packages(), *TOP, *TESTS})


def test_rows_of_other_folders_exist() -> None:
    assert [place for place in (*TOP, *TESTS) if not (ROOT / place).is_dir()] == []


def test_layers_are_those_that_lint_checks() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    (shown,) = re.findall(r"```\n(tools\n.+?)```", PAGE, re.DOTALL)
    assert shown.splitlines() == layers
