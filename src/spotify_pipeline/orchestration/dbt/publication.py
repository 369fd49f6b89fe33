"""What follows the tests in spotify_transform: the models' assets, or another run after a failure.

Cosmos would update a model's asset in the task that builds it, before its first test has run. Here one task
behind every test does it for all models. The URIs are those that Cosmos gives; they hold the server's
address, so they are made when the task runs: no connection is read while a DAG file is parsed.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.connections import WAREHOUSE_DBT, ConnectionInfo
from spotify_pipeline.orchestration.assets import MODELS
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.orchestration.lineage import table_uri
from spotify_pipeline.orchestration.runtime import from_airflow, running
from spotify_pipeline.stages.publish import watermark


def announce_models(project: Path) -> int:
    """Update the asset of each model, from a task with the outlet `MODELS`, and return their number.

    An event's extra has `dbt_model` and `tests`, the number of data tests of that model.

    Raises:
        ConfigurationError: connection `warehouse_dbt` lacks host or database, or the manifest is missing.
    """
    events = get_current_context()["outlet_events"][MODELS]
    found = model_assets(DbtManifest.read(project / "target" / "manifest.json"), from_airflow(WAREHOUSE_DBT))
    for uri, extra in found.items():
        events.add(Asset(uri), extra=dict(extra))
    return len(found)


def model_assets(manifest: DbtManifest, warehouse: ConnectionInfo) -> dict[str, dict[str, str | int]]:
    """Return the URI of each model's asset with the extra of its event, in the order of the URIs."""
    found: dict[str, dict[str, str | int]] = {}
    for unique_id, node in manifest.raw["nodes"].items():
        # an ephemeral model is part of other queries and has no relation
        if node["resource_type"] == "model" and node["config"].get("materialized") != "ephemeral":
            uri = table_uri(warehouse, node["schema"], node.get("alias") or node["name"])
            tests = sum(unique_id in test.parents for test in manifest.data_tests.values())
            found[uri] = {"dbt_model": node["name"], "tests": tests}
    return dict(sorted(found.items()))


def require_newer_load(load_seq: int | None) -> int:
    """Return the newest load if it is newer than `load_seq`, the watermark of this run.

    Loads and models do not wait for each other: each statement sees what was committed when it began. So a
    run during which something was loaded can build one table before the load and another one after it, and a
    test that compares the two fails, though it would pass in the next run. A failure without a load in
    between is one of the data, which only a person can repair.

    Raises:
        AirflowSkipException: nothing was loaded since, or this run has no watermark.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    if load_seq is None:
        raise AirflowSkipException("no model was built")
    with running() as runtime:
        newest = watermark(runtime)
    if newest <= load_seq:
        raise AirflowSkipException(
            f"nothing was loaded since load {load_seq}: the failure is one of the data"
        )
    return newest
