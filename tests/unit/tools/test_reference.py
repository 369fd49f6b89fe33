"""Tests the pages of docs/ that are generated from code."""

from __future__ import annotations

import pytest

from spotify_pipeline.cli import main as cli
from spotify_pipeline.settings import PREFIX, Settings
from tests.unit.test_docs import VARIABLES
from tools import reference


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (reference.DOCS / name).read_text() == reference.PAGES[name](), "run `make reference`"


def test_every_variable_is_documented() -> None:
    page = reference.settings_page()
    wanted = {PREFIX + name.upper() for name in Settings.model_fields} | set(reference.OTHER_VARIABLES)
    assert [name for name in sorted(wanted) if f"| `{name}` |" not in page] == []
    assert set(reference.OTHER_VARIABLES) <= VARIABLES, "some module reads each of them"


def test_every_command_is_documented() -> None:
    page = reference.commands_page()
    for name in cli.COMMANDS:
        assert f"## `spotify-pipeline {name}`" in page
    assert "### `spotify-pipeline quarantine replay`" in page


def test_every_column_has_a_meaning() -> None:
    rows = [line for line in reference.tables_page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []


def test_no_page_depends_on_the_machine() -> None:
    for page in reference.PAGES.values():
        assert str(reference.PROJECT_ROOT) not in page()
