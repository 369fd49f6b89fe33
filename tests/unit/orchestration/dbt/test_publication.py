"""The assets of single models, and when a failed run starts another one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.orchestration.assets import MODELS
from spotify_pipeline.orchestration.dbt import publication
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.dbt_manifest import MANIFEST

WAREHOUSE = ConnectionInfo("warehouse_dbt", "postgres", host="db.example", port=6543, schema="warehouse")


def model(name: str, schema: str, **more: Any) -> dict[str, Any]:
    return {"resource_type": "model", "name": name, "schema": schema, "config": {}} | more


def data_test(name: str, *parents: str) -> dict[str, Any]:
    return {
        "resource_type": "test",
        "name": name,
        "unique_id": f"test.{name}",
        "depends_on": {"nodes": list(parents)},
    }


def test_each_relation_has_one_asset_with_its_number_of_tests() -> None:
    nodes = {
        "model.dim_track": model("dim_track", "marts"),
        "model.stg_tracks": model("stg_tracks", "dbt_staging", alias="tracks"),
        "model.helper": model("helper", "marts", config={"materialized": "ephemeral"}),
        "seed.types": {"resource_type": "seed", "name": "types", "schema": "marts", "config": {}},
        "test.a": data_test("a", "model.dim_track"),
        "test.b": data_test("b", "model.dim_track", "model.stg_tracks"),
    }
    assert publication.model_assets(DbtManifest({"nodes": nodes}), WAREHOUSE) == {
        "postgres://db.example:6543/warehouse/dbt_staging/tracks": {"dbt_model": "stg_tracks", "tests": 1},
        "postgres://db.example:6543/warehouse/marts/dim_track": {"dbt_model": "dim_track", "tests": 2},
    }


def test_airflow_takes_each_uri_of_the_project_as_it_is() -> None:
    """Its Postgres provider corrects or refuses one that is malformed, and then nothing would join."""
    manifest = DbtManifest.read(MANIFEST)
    uris = list(publication.model_assets(manifest, WAREHOUSE))
    assert [Asset(uri).uri for uri in uris] == uris
    models = [node for node in manifest.raw["nodes"].values() if node["resource_type"] == "model"]
    assert len(uris) == len(models) > 30


def test_announcing_adds_an_event_a_model_under_the_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    added: dict[str, Any] = {}
    events = SimpleNamespace(add=lambda asset, extra: added.update({asset.uri: extra}))
    context = {"outlet_events": {MODELS: events}}
    monkeypatch.setattr(publication, "get_current_context", lambda: context)
    monkeypatch.setattr(publication, "from_airflow", lambda _: WAREHOUSE)

    assert publication.announce_models(PROJECT_ROOT / "dbt") == len(added)
    assert added["postgres://db.example:6543/warehouse/marts/dim_track"]["dbt_model"] == "dim_track"
    assert json.dumps(added), "an event's extra has to be JSON"


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The newest load that the warehouse has, to be set by the test."""
    found = [7]

    @contextmanager
    def running() -> Iterator[None]:
        yield None

    monkeypatch.setattr(publication, "running", running)
    monkeypatch.setattr(publication, "watermark", lambda _: found[0])
    return found


def test_what_failed_stands_where_nothing_was_loaded(newest: list[int]) -> None:
    with pytest.raises(AirflowSkipException, match="since load 7"):
        publication.require_newer_load(7)


def test_a_run_without_a_watermark_starts_no_other(newest: list[int]) -> None:
    with pytest.raises(AirflowSkipException):
        publication.require_newer_load(None)


def test_a_load_in_between_is_a_reason_to_build_again(newest: list[int]) -> None:
    newest[0] = 9
    assert publication.require_newer_load(7) == 9
