"""Tests the rules of the schemas, and that the documentation lists every reason code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from spotify_pipeline.cli.main import build
from spotify_pipeline.contract import SCHEMA_VERSION
from spotify_pipeline.contract.observations import ROW_KINDS
from spotify_pipeline.contract.rules import ALL_KINDS, SCHEMA_KINDS, markdown_tables, nullable, rules
from spotify_pipeline.contract.validator import schema
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_pipeline.warehouse.tables import JUDGED_KINDS

PAGE = PROJECT_ROOT / "docs" / "reason-codes.md"


def parts(rule: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a rule and all rules inside it, with their paths."""
    yield path, rule
    for name, inner in rule.get("properties", {}).items():
        yield from parts(inner, f"{path}.{name}")
    if "items" in rule:
        yield from parts(rule["items"], f"{path}[]")


def test_every_kind_has_a_schema_of_the_current_version() -> None:
    assert {*SCHEMA_KINDS, "response"} == set(JUDGED_KINDS) >= set(ROW_KINDS)
    folder = files("spotify_pipeline.contract") / "schemas" / f"v{SCHEMA_VERSION}"
    assert {path.name for path in folder.iterdir()} == {f"{kind}.schema.json" for kind in SCHEMA_KINDS}


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_each_schema_is_valid_and_describes_every_rule(kind: str) -> None:
    own = schema(kind)
    jsonschema.Draft202012Validator.check_schema(own)
    assert own["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert own["$id"] == f"urn:spotify-pipeline:{kind}:{SCHEMA_VERSION}"
    for path, rule in parts(own, kind):
        assert rule["description"], path
        # a rule without a type would accept any value
        assert {"type", "const", "enum"} & set(rule), path


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_every_text_and_number_that_is_loaded_is_bounded(kind: str) -> None:
    """Fields that are not loaded have a type only."""
    for path, rule in parts(schema(kind), kind):
        types = rule.get("type", [])
        if "integer" in types:
            assert {"minimum", "maximum"} <= set(rule), path
        if "string" in types and path.rpartition(".")[2] not in UNLOADED:
            assert "pattern" in rule, path


UNLOADED = {"href", "uri", "preview_url", "album_group", "primary_color"}


def test_fields_removed_in_development_mode_are_optional() -> None:
    removed = {"popularity", "available_markets", "label", "followers", "linked_from", "album_group"}
    for kind in ("track", "album", "artist"):
        own = schema(kind)
        for name in removed & set(own["properties"]):
            assert name not in own["required"]
            assert nullable(own["properties"][name]), f"{kind}.{name}"


def test_every_reason_code_is_in_the_documentation() -> None:
    text = PAGE.read_text("utf-8")
    for code in {rule.code for kind in ALL_KINDS for rule in rules(kind)}:
        assert f"`{code}`" in text, code


def _call(*arguments: str) -> Result:
    words = ["contract", *arguments]
    return CliRunner().invoke(build(words), words)


def test_the_command_lists_the_rules() -> None:
    result = _call("rules", "track", "--json")
    assert {rule["code"] for rule in json.loads(result.stdout)} == {rule.code for rule in rules("track")}
    assert "track.id.pattern" in _call("rules").stdout
    assert markdown_tables() == _call("rules", "--markdown").stdout
    unknown = _call("rules", "episode")
    assert (unknown.exit_code, "'episode' is unknown" in unknown.stderr) == (1, True)
