"""Tests the rules of dbt-project-evaluator on the manifest, without the package.

Two rules are omitted: freshness of every source, because the table of loads stands for all of them, and model
fan-out, because marts are made to be read by many.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spotify_pipeline.report.movers import MOVERS
from spotify_pipeline.warehouse import tables
from spotify_stack.dbt_manifest import MANIFEST, build_manifest

LAYERS = ("staging", "intermediate", "marts")
CHAIN_OF_VIEWS = 4  # the package's own limit

Nodes = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    build_manifest(lambda command: subprocess.run(command, check=True))  # noqa: S603 - our own command line
    content: dict[str, Any] = json.loads(MANIFEST.read_bytes())
    return content


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> Nodes:
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def layer(node: dict[str, Any]) -> str:
    return str(node["fqn"][1])


def parents(node: dict[str, Any], kind: str) -> list[str]:
    return [parent for parent in node["depends_on"]["nodes"] if parent.startswith(f"{kind}.")]


def test_a_model_is_in_the_folder_of_its_layer(models: Nodes) -> None:
    assert {layer(node) for node in models.values()} == set(LAYERS)
    for node in models.values():
        folders = node["original_file_path"].split("/")[1:-1]
        assert folders[0] == layer(node), node["name"]
        assert len(folders) == (1 if layer(node) == "intermediate" else 2), node["name"]
        assert node["patch_path"] == f"spotify://{node['original_file_path'].removesuffix('.sql')}.yml"


def test_staging_models_are_in_the_folder_of_their_source(manifest: dict[str, Any], models: Nodes) -> None:
    for node in models.values():
        if layer(node) == "staging":
            [source] = parents(node, "source")
            assert node["fqn"][2] == manifest["sources"][source]["source_name"], node["name"]


def test_only_staging_models_read_sources_one_each(models: Nodes) -> None:
    for node in models.values():
        expected = (1, 0) if layer(node) == "staging" else (0, len(parents(node, "model")))
        assert (len(parents(node, "source")), len(parents(node, "model"))) == expected, node["name"]


def test_no_layer_reads_a_later_one(models: Nodes) -> None:
    """The watermarks are an exception, because they are not data: each model reads and writes its own."""
    for node in models.values():
        for parent in parents(node, "model"):
            if models[parent]["name"] != "mart_model_watermark":
                assert LAYERS.index(layer(models[parent])) <= LAYERS.index(layer(node)), node["name"]


def test_every_model_has_inputs_and_is_used(manifest: dict[str, Any], models: Nodes) -> None:
    used = {
        parent
        for found in (models, manifest["exposures"])
        for node in found.values()
        for parent in node["depends_on"]["nodes"]
    }

    assert [node["name"] for node in models.values() if not node["depends_on"]["nodes"]] == []
    assert [node["name"] for key, node in models.items() if key not in used] == []


def test_models_name_tables_only_by_reference(models: Nodes) -> None:
    written = re.compile(r"\b(?:from|join)\s+(?:staging|ops|dbt_staging|intermediate|marts)\.", re.IGNORECASE)

    assert [node["name"] for node in models.values() if written.search(node["raw_code"])] == []


def test_chains_of_views_are_short(models: Nodes) -> None:
    def views_behind(key: str) -> int:
        node = models[key]
        if node["config"]["materialized"] != "view":
            return 0
        return 1 + max((views_behind(parent) for parent in parents(node, "model")), default=0)

    assert max(map(views_behind, models)) <= CHAIN_OF_VIEWS


def test_every_model_has_a_key_that_the_database_enforces(manifest: dict[str, Any], models: Nodes) -> None:
    """A table has a unique index; a view has the primary key of the table that it renames."""
    for node in models.values():
        if layer(node) == "staging":
            source = manifest["sources"][parents(node, "source")[0]]
            table = tables.metadata.tables[f"{source['schema']}.{source['identifier']}"]
            assert len(table.primary_key) > 0, node["name"]
        else:
            assert any(index.get("unique") for index in node["config"]["indexes"]), node["name"]


def test_a_source_table_is_declared_once(manifest: dict[str, Any]) -> None:
    declared = Counter((source["schema"], source["identifier"]) for source in manifest["sources"].values())

    assert max(declared.values()) == 1
    assert [source["name"] for source in manifest["sources"].values() if not source["description"]] == []


def test_exposures_read_all_tables_of_the_marts_and_no_other(manifest: dict[str, Any], models: Nodes) -> None:
    exposed = {parent for exposure in manifest["exposures"].values() for parent in parents(exposure, "model")}

    assert exposed == {key for key, node in models.items() if layer(node) == "marts"}
    assert {models[key]["config"]["materialized"] for key in exposed} == {"table", "incremental"}
    assert {exposure["owner"]["name"] for exposure in manifest["exposures"].values()} == {"data-platform"}
    assert {exposure["owner"].get("email") for exposure in manifest["exposures"].values()} == {None}


@pytest.mark.parametrize(
    ("exposed", "module"), [("catalogue_report", "queries.py"), ("weekly_page", "week_queries.py")]
)
def test_the_exposure_of_a_page_lists_the_marts_that_it_reads(
    manifest: dict[str, Any], exposed: str, module: str
) -> None:
    queries = Path(__file__).parents[3] / "src" / "spotify_pipeline" / "report" / module
    texts = [queries.read_text(encoding="utf-8"), MOVERS]
    read = {mart for text in texts for mart in re.findall(r"(?:from|join) marts\.([a-z_]+)", text)}
    exposure = manifest["exposures"][f"exposure.spotify.{exposed}"]

    assert {parent.rpartition(".")[2] for parent in exposure["depends_on"]["nodes"]} == read


def test_incremental_models_follow_loads_by_number(models: Nodes) -> None:
    incremental = [node for node in models.values() if node["config"]["materialized"] == "incremental"]

    assert len(incremental) > 5
    for node in incremental:
        assert not re.search(r"\b(?:now\(\)|current_(?:date|timestamp))", node["raw_code"]), node["name"]
        if node["name"] != "mart_model_watermark":
            hooks = [hook["sql"] for hook in (*node["config"]["pre-hook"], *node["config"]["post-hook"])]
            assert "begin_watermark(this" in hooks[0], node["name"]
            assert "end_watermark(this)" in hooks[-1], node["name"]


def test_logic_of_models_has_unit_tests(
    manifest: dict[str, Any],
) -> None:
    assert {test["model"] for test in manifest["unit_tests"].values()} >= {
        "stg_tracks",
        "bridge_track_artist",
        "dim_track_history",
        "dim_recording",
        "fct_playlist_entry",
        "mart_playlist_churn",
        "fct_play",
        "mart_listening_daily",
        "mart_source_health",
        "fct_saved_track",
        "fct_top_track",
        "fct_top_artist",
        "fct_followed_artist",
        "fct_listing",
        "int_plays",
        "mart_popularity_movers",
    }
