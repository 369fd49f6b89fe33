"""Tests what dbt-bouncer.yml cannot check of the dbt project, read from its manifest."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from spotify_pipeline.warehouse.roles import DBT_SCHEMAS, MARTS_BUILD, OWNER_SCHEMAS
from spotify_stack.dbt_manifest import DBT_PROJECT, MANIFEST, build_manifest


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    build_manifest(lambda command: subprocess.run(command, check=True))  # noqa: S603 - our own command line
    content: dict[str, Any] = json.loads(MANIFEST.read_bytes())
    return content


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def test_every_model_and_seed_lists_its_columns(manifest: dict[str, Any]) -> None:
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed"}]

    assert [node["name"] for node in nodes if not node["columns"]] == []


def test_the_documentation_has_its_own_start_page(manifest: dict[str, Any]) -> None:
    text = manifest["docs"]["doc.spotify.__overview__"]["block_contents"]
    named = set(re.findall(r"`([a-z_]+)`", text))

    assert {prefix for prefix in named if prefix.endswith("_")} == {"dim_", "fct_", "mart_"}
    assert named & {node["schema"] for node in manifest["nodes"].values()} == {"dbt_audit"}


def test_schemas_are_those_that_the_role_owns(manifest: dict[str, Any]) -> None:
    assert {node["schema"] for node in manifest["nodes"].values()} == set(DBT_SCHEMAS) - {MARTS_BUILD}
    assert {source["schema"] for source in manifest["sources"].values()} == set(OWNER_SCHEMAS)


def test_every_mart_has_a_unique_index_over_required_columns(
    models: dict[str, dict[str, Any]],
) -> None:
    marts = [node for node in models.values() if node["schema"] == "marts"]

    for node in marts:
        indexed = {column for index in node["config"]["indexes"] for column in index["columns"]}
        [key] = [index["columns"] for index in node["config"]["indexes"] if index.get("unique")]
        for column in key:  # it becomes the primary key
            assert {"not_null"} <= {each["type"] for each in node["columns"][column]["constraints"]}, node[
                "name"
            ]
        assert indexed <= node["columns"].keys(), node["name"]


def test_no_data_test_repeats_what_the_database_enforces(manifest: dict[str, Any]) -> None:
    """A unique index enforces the key of every mart, so a data test of it could never fail."""
    assert [
        node["name"]
        for node in manifest["nodes"].values()
        if (node.get("test_metadata") or {}).get("name") in {"unique", "not_null"}
    ] == []


def test_every_data_test_has_a_description(manifest: dict[str, Any]) -> None:
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]

    assert len(tests) > 30
    assert [test["name"] for test in tests if not test["description"]] == []


def test_names_of_failure_tables_fit_postgres(manifest: dict[str, Any]) -> None:
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]

    assert {node["config"]["store_failures"] for node in tests} == {True}
    assert max(len(node["alias"]) for node in tests) <= 63
    assert len({node["alias"].lower() for node in tests}) == len(tests)


def test_every_severity_below_error_has_a_reason() -> None:
    for path in sorted(DBT_PROJECT.rglob("*.yml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if re.search(r"severity: warn", line):
                assert "#" in lines[number - 1], f"{path.name}:{number + 1} gives no reason"


def test_owners_are_roles(manifest: dict[str, Any]) -> None:
    owned = [node for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed"}]

    assert {node["config"]["meta"].get("owner") for node in owned} == {"data-platform"}
    assert {exposure["owner"]["name"] for exposure in manifest["exposures"].values()} == {"data-platform"}
    assert {exposure["owner"].get("email") for exposure in manifest["exposures"].values()} == {None}


def test_the_profile_contains_no_secret() -> None:
    profile = (DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8")

    assert "password: \"{{ env_var('DBT_ENV_SECRET_WAREHOUSE_PASSWORD', '') }}\"" in profile
