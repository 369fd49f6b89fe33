"""Tests the rules of dbt-project-evaluator that dbt-bouncer.yml cannot express, read from the manifest.

Two rules are omitted: freshness of every source, because the table of loads stands for all of them, and model
fan-out, because marts are made to be read by many.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spotify_pipeline.report.movers import MOVERS
from spotify_pipeline.warehouse import tables
from spotify_stack.dbt_manifest import MANIFEST, build_manifest

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


def test_staging_models_are_in_the_folder_of_their_source(manifest: dict[str, Any], models: Nodes) -> None:
    for node in models.values():
        if layer(node) == "staging":
            [source] = parents(node, "source")
            assert node["fqn"][2] == manifest["sources"][source]["source_name"], node["name"]


def test_every_model_has_a_key_that_the_database_enforces(manifest: dict[str, Any], models: Nodes) -> None:
    """A table has a unique index; a view has the primary key of the table that it renames."""
    for node in models.values():
        if layer(node) == "staging":
            source = manifest["sources"][parents(node, "source")[0]]
            table = tables.metadata.tables[f"{source['schema']}.{source['identifier']}"]
            assert len(table.primary_key) > 0, node["name"]
        else:
            assert any(index.get("unique") for index in node["config"]["indexes"]), node["name"]


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
