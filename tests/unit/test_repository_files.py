"""Tests files for contributors on the hosting site: forms, owners, hooks and policies."""

from __future__ import annotations

import configparser
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_form_follows_githubs_schema(path: Path) -> None:
    form: dict[str, Any] = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    ids = [entry["id"] for entry in form["body"] if entry["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    for entry in form["body"]:
        kind, attributes = entry["type"], entry["attributes"]
        assert kind in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert ("value" if kind == "markdown" else "label") in attributes
        assert ("options" in attributes) == (kind in {"dropdown", "checkboxes"})


def test_owners_are_roles_of_paths_that_exist() -> None:
    lines = re.findall(r"^#? ?(\S+) +(@\S+)$", (GITHUB / "CODEOWNERS").read_text(), re.MULTILINE)
    assert len(lines) >= 3
    for pattern, owner in lines:
        assert re.fullmatch(r"@[\w-]+/[a-z-]+", owner), "a team, not a person"
        assert pattern == "*" or (ROOT / pattern.strip("/")).exists(), pattern


def test_hooks_run_from_the_environment_without_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        tool = re.match(r"\.venv/bin/([\w-]+)", hook["entry"])
        assert tool, hook["entry"]
        assert shutil.which(tool[1], path=str(Path(sys.executable).parent)), hook["entry"]


def test_editorconfig_agrees_with_ruff() -> None:
    parser = configparser.ConfigParser()
    parser.read_string("[DEFAULT]\n" + (ROOT / ".editorconfig").read_text())
    (length,) = re.findall(r"^line-length = (\d+)", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert parser["*.py"]["max_line_length"] == length
    assert parser["Makefile"]["indent_style"] == "tab"


def test_security_policy_names_private_reporting_only() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert "Report a vulnerability" in text
    assert not re.search(r"[\w.]+@[\w-]+\.\w+", text)
