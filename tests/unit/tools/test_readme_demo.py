"""Tests that the output of the demo in README.md has the form of the current output."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from spotify_pipeline.cli.stack import addresses
from spotify_pipeline.errors import PipelineError
from spotify_stack import summary
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import create_or_load
from tools import readme_demo

TABLES = ("marts.other", *readme_demo.SHOWN_TABLES)
CONTENT: dict[str, Any] = {
    "partitions": [
        {"date": "2026-11-22", "sources": 14, "api_calls": 7, "seconds": {"spotify_ingest": 1.0}}
        | dict.fromkeys(summary.COUNTS, 5)
    ],
    "dbt": {"models": 1, "seeds": 1, "tests": 2, "airflow_tasks": 4, "test_tasks": 2},
    "warehouse": {name: {"rows": 3, "sha256": "ab" * 32} for name in TABLES},
    "objects": {"raw": 1, "validated": 2, "quarantine": 0},
}


def form(line: str) -> str:
    """Return a line without numbers, digests and widths of columns, which differ between runs."""
    line = re.sub(r"\b[0-9a-f]{12}…", "#", line)
    return " ".join(re.sub(r"[\d,.:-]*\d[\d,.:-]*", "#", line).split())


@pytest.fixture(scope="module")
def shown() -> list[str]:
    found = readme_demo.BLOCK.search(readme_demo.README.read_text(encoding="utf-8"))
    assert found, "README.md has no marks of the block"
    return found[0].splitlines()


def test_the_tables_have_the_current_headings(shown: list[str]) -> None:
    text = io.StringIO()
    summary.show(CONTENT, Console(file=text, width=80))
    wanted = {form(line) for line in readme_demo.shortened(text.getvalue().splitlines()) if line.strip()}
    assert wanted - {form(line) for line in shown} == set(), "run `make readme-demo`"


def test_the_addresses_have_the_current_labels(shown: list[str], tmp_path: Path) -> None:
    with PortReservation() as reservation:
        state = create_or_load(StackPaths(tmp_path / "stack"), reservation)
    labels = [line[:12] for line in addresses(state).splitlines()]
    assert [line[:12] for line in shown if line[:12] in labels] == labels, "run `make readme-demo`"


def test_it_contains_no_path_of_a_machine(shown: list[str]) -> None:
    assert [line for line in shown if re.search(r"\s/\w", line) or "build/readme" in line] == []


def test_other_tables_are_omitted() -> None:
    lines = ["table rows", "marts.other 1", "marts.second 1", "marts.dim_track 2 ", "end"]
    assert list(readme_demo.shortened(lines)) == ["table rows", "…", "marts.dim_track 2", "end"]


def test_a_demo_that_failed_is_not_shown() -> None:
    with pytest.raises(PipelineError, match="did not end: error: the disk is full"):
        readme_demo.block("error: the disk is full")
