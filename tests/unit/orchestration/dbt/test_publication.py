"""Tests the assets of single models, and when a run builds or starts another one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.orchestration.assets import MODELS
from spotify_pipeline.orchestration.dbt import publication
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_pipeline.stages.publish import Watermark
from spotify_stack.dbt_manifest import MANIFEST

COVERED = {"load_seq": 7, "digest": "d", "code": "c", "is_published": False}
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


def test_airflow_does_not_change_the_uris_of_models() -> None:
    """Airflow's Postgres provider changes or refuses a malformed URI, so names would not match."""
    manifest = DbtManifest.read(MANIFEST)
    uris = list(publication.model_assets(manifest, WAREHOUSE))
    assert [Asset(uri).uri for uri in uris] == uris
    models = [node for node in manifest.raw["nodes"].values() if node["resource_type"] == "model"]
    assert len(uris) == len(models) > 30


def test_announce_adds_one_event_per_model_to_the_alias(monkeypatch: pytest.MonkeyPatch) -> None:
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
    """Return a list with the number of the newest load, which a test can change."""
    found = [7]

    @contextmanager
    def running() -> Iterator[None]:
        yield None

    monkeypatch.setattr(publication, "running", running)
    monkeypatch.setattr(publication, "watermark", lambda _: found[0])
    return found


def test_no_new_build_without_a_newer_load(newest: list[int]) -> None:
    with pytest.raises(AirflowSkipException, match="since load 7"):
        publication.require_newer_load(COVERED)


def test_a_run_without_a_watermark_starts_no_other(newest: list[int]) -> None:
    with pytest.raises(AirflowSkipException):
        publication.require_newer_load(None)


def test_a_load_in_between_starts_a_new_build(newest: list[int]) -> None:
    newest[0] = 9
    assert publication.require_newer_load(COVERED) == 9


def watermark_of(
    monkeypatch: pytest.MonkeyPatch, *, published: bool, run_type: DagRunType, **params: Any
) -> Any:
    @contextmanager
    def running_partition() -> Iterator[tuple[None, None]]:
        yield None, None

    context = {"params": params, "dag_run": SimpleNamespace(run_type=run_type)}
    monkeypatch.setattr(publication, "get_current_context", lambda: context)
    monkeypatch.setattr(publication, "running_partition", running_partition)
    monkeypatch.setattr(
        publication.stage, "take_watermark", lambda *_: Watermark(7, "d", "c", is_published=published)
    )
    return publication.take_watermark(PROJECT_ROOT / "dbt")


@pytest.mark.parametrize(
    ("published", "run_type", "built"),
    [
        (True, DagRunType.ASSET_TRIGGERED, False),
        (False, DagRunType.ASSET_TRIGGERED, True),
        (True, DagRunType.MANUAL, True),
        (True, DagRunType.ASSET_MATERIALIZATION, True),
    ],
)
def test_a_run_by_hand_always_builds(
    monkeypatch: pytest.MonkeyPatch, published: bool, run_type: DagRunType, built: bool
) -> None:
    covered = watermark_of(monkeypatch, published=published, run_type=run_type)
    assert covered == {**COVERED, "is_published": not built}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"full_refresh": True, "select": ["dim_trak"]}, "no model or seed dim_trak"),
        ({"full_refresh": False, "select": ["dim_track"]}, "switch `full_refresh` on"),
    ],
)
def test_params_without_effect_are_refused(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        watermark_of(monkeypatch, published=False, run_type=DagRunType.MANUAL, **params)


def test_every_table_of_the_marts_is_published_with_seeds() -> None:
    nodes = {
        "model.dim_track": model("dim_track", "marts"),
        "model.stg_tracks": model("stg_tracks", "dbt_staging"),
        "model.helper": model("helper", "marts", config={"materialized": "ephemeral"}),
        "seed.types": {"resource_type": "seed", "name": "types", "schema": "marts", "config": {}},
    }
    build = publication.build_of(DbtManifest({"nodes": nodes}))
    assert build.tables == {"model.dim_track", "seed.types"}
