"""Tests that bugs are planted at public names, and that the SQL which they change exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from spotify_pipeline.warehouse import merge_sql
from spotify_pipeline.warehouse.table_specs import SPECS
from tests.faults import bugs, plants, plants_of_operations
from tests.faults.seams import patch


@pytest.mark.parametrize("module", [plants, plants_of_operations])
def test_no_plant_uses_a_private_name_of_the_pipeline(module: object) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())  # type: ignore[attr-defined]
    private = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and re.match(r"_(?!_)", node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    ]
    imported = [
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.name.startswith("_")
    ]
    assert private + imported == []


def test_every_plant_is_in_these_modules() -> None:
    known = {plants.__name__, plants_of_operations.__name__}
    assert {bug.plant.__module__ for bug in bugs.BUGS} == known


def test_a_private_or_an_absent_name_is_not_patched() -> None:
    with pytest.raises(ValueError, match="_join is private"):
        patch(merge_sql, "_join", None)
    with pytest.raises(AttributeError, match="has no absent"):
        patch(merge_sql, "absent", None)


@pytest.mark.parametrize("kind", SPECS)
def test_the_upsert_has_the_parts_that_bugs_change(kind: str) -> None:
    spec = SPECS[kind]
    current, history = merge_sql.merge_current(spec), merge_sql.merge_observations(spec)
    for pattern, bug in (plants.NEWER_WINS, plants.DIFFERENT_ROWS):
        for statement in (current, history):
            assert re.sub(pattern, bug, statement) != statement
    pattern, bug = plants.SEEN_FORWARDS
    assert re.sub(pattern, bug, current) != current
    detailed = len(spec.groups) > 1
    pattern, bug = plants.DETAIL_STAYS
    assert (re.sub(pattern, bug, current) != current) is detailed
