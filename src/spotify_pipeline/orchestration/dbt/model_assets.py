"""One Airflow asset for each dbt model, updated when the tests behind it have passed.

Cosmos would update a model's asset in the task that builds it, before the first test has run. Here the task
that stands behind every test does it, for all models at once. The URIs are those that Cosmos gives; they hold
the server's address, so they are made when the task runs: no connection is read while a DAG file is parsed.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import Asset, get_current_context

from spotify_pipeline.connections import WAREHOUSE_DBT, ConnectionInfo
from spotify_pipeline.orchestration.assets import MODELS
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.orchestration.lineage.names import table_uri
from spotify_pipeline.orchestration.tasks.runtime import from_airflow


def announce_models(project: Path) -> int:
    """Update the asset of each model, from a task with the outlet `MODELS`; give their number.

    An event's extra has `dbt_model` and `tests`, the number of data tests that ask about that model.

    Raises:
        ConfigurationError: connection `warehouse_dbt` lacks host or database, or the manifest is missing.
    """
    events = get_current_context()["outlet_events"][MODELS]
    found = model_assets(DbtManifest.read(project / "target" / "manifest.json"), from_airflow(WAREHOUSE_DBT))
    for uri, extra in found.items():
        events.add(Asset(uri), extra=dict(extra))
    return len(found)


def model_assets(manifest: DbtManifest, warehouse: ConnectionInfo) -> dict[str, dict[str, str | int]]:
    """URI of each model's asset, and what an event of it says, in the order of the URIs."""
    found: dict[str, dict[str, str | int]] = {}
    for unique_id, node in manifest.raw["nodes"].items():
        # an ephemeral model is a part of other queries, no relation of its own
        if node["resource_type"] == "model" and node["config"].get("materialized") != "ephemeral":
            uri = table_uri(warehouse, node["schema"], node.get("alias") or node["name"])
            tests = sum(unique_id in test.parents for test in manifest.data_tests.values())
            found[uri] = {"dbt_model": node["name"], "tests": tests}
    return dict(sorted(found.items()))
