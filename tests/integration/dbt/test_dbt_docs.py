"""Tests that dbt's documentation is one self-contained page, and the same bytes for the same warehouse."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.context import set_current_context
from dbt.adapters.factory import reset_adapters

from spotify_pipeline.connections import SPOTIFY_LAKE, ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.orchestration.dbt.docs import write_docs
from spotify_pipeline.settings import PROJECT_ROOT, Settings
from spotify_pipeline.stages.dbt_docs import documentation, publish_docs
from spotify_pipeline.stages.runtime import Runtime
from spotify_stack.object_store import HOST, SeaweedServer
from spotify_stack.ports import PortReservation
from tests.integration.dbt.dbt_warehouse import DAY, PASSWORD, Warehouse, fill

pytestmark = [pytest.mark.integration, pytest.mark.slow]
KEYS = ["docs/dbt/index.html", "docs/dbt/manifest.json", "docs/dbt/catalog.json"]
# the arguments of the task in spotify_transform
GENERATE = ("docs", "generate", "--exclude", "resource_type:test", "resource_type:unit_test")


@pytest.fixture
def runtime(s3_server: SeaweedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setenv("SPOTIFY_PIPELINE_DBT_DOCS_DIR", str(tmp_path / "docs"))
    lake = ConnectionInfo(
        conn_id=SPOTIFY_LAKE,
        host=HOST,
        port=s3_server.port,
        login=s3_server.access_key,
        password=s3_server.secret_key,
        schema="spotify-lake",
    )
    runtime = Runtime(settings=Settings.load(), lookup={lake.conn_id: lake}.__getitem__)
    for key in KEYS:
        runtime.lake.delete(key)
    return runtime


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder with the smallest artifacts that dbt could write."""
    folder = tmp_path / "made"
    folder.mkdir()
    page = '<script>n=["MANIFEST.JSON INLINE DATA","CATALOG.JSON INLINE DATA"]</script>'
    (folder / "index.html").write_text(page)
    node = {"name": "ends </script>", "created_at": 1.5, "compiled_path": "/here/dim.sql"}
    node["compiled_code"] = "select 1 where load_seq > 905"
    metadata = {"dbt_version": "1", "generated_at": "now", "env": {}}
    artifact = {"metadata": metadata, "nodes": {"model.a": node}}
    for name in ("manifest.json", "catalog.json"):
        (folder / name).write_text(json.dumps(artifact))
    return folder


def test_the_docs_page_is_self_contained_without_run_details(target: Path) -> None:
    files = documentation(target)

    node = {"name": "ends </script>", "compiled_code": "select 1 where load_seq > :watermark"}
    kept = {"metadata": {"dbt_version": "1"}, "nodes": {"model.a": node}}
    assert json.loads(files["manifest.json"]) == json.loads(files["catalog.json"]) == kept
    page = files["index.html"].decode()
    assert page.count("</script>") == 1, "a name must not end the script that contains it"
    assert json.loads(page.removeprefix("<script>n=").removesuffix("</script>")) == [kept, kept]


@pytest.mark.parametrize("name", ["manifest.json", "catalog.json", "index.html"])
def test_an_artifact_that_is_missing_is_named(target: Path, name: str) -> None:
    (target / name).unlink()
    with pytest.raises(ConfigurationError, match=f"wrote no '{name}'"):
        documentation(target)


def test_an_artifact_that_was_cut_short_is_named(target: Path) -> None:
    (target / "catalog.json").write_text('{"nodes": {')
    with pytest.raises(ConfigurationError, match="'catalog.json' is not JSON"):
        documentation(target)


def test_documentation_written_again_changes_no_object(
    warehouse: Warehouse, runtime: Runtime, tmp_path: Path
) -> None:
    """Promise 1 holds for the documentation: its bytes do not depend on time, run or folder."""
    fill(warehouse, extended=True)
    assert warehouse.dbt("seed").success
    assert warehouse.dbt("run").success
    assert warehouse.dbt(*GENERATE).success
    assert publish_docs(runtime, warehouse.target) == KEYS
    before = {key: runtime.lake.get(key).data for key in KEYS}

    warehouse.target = tmp_path / "another"
    assert warehouse.dbt(*GENERATE).success
    assert publish_docs(runtime, warehouse.target) == []

    assert {path.name: path.read_bytes() for path in (tmp_path / "docs").iterdir()} == {
        key.rpartition("/")[2]: data for key, data in before.items()
    }
    manifest, catalog = (json.loads(before[key]) for key in KEYS[1:])
    models = {key for key, node in manifest["nodes"].items() if node["resource_type"] != "test"}
    assert models == catalog["nodes"].keys(), "the catalogue has every model and the seed, and nothing else"
    assert catalog["sources"].keys() == manifest["sources"].keys()
    mart = manifest["nodes"]["model.spotify.dim_track"]
    assert mart["compiled_code"].lstrip().startswith("with")
    assert str(tmp_path) not in before[KEYS[1]].decode()
    for key, relation in catalog["nodes"].items():
        described = {
            name for name, column in manifest["nodes"][key]["columns"].items() if column["description"]
        }
        assert described == relation["columns"].keys(), key

    # dbt can compare its project with the published manifest
    unchanged = warehouse.dbt("ls", "--select", "state:modified", "--state", str(tmp_path / "docs"))
    assert unchanged.success
    assert not unchanged.result

    warehouse.execute("alter table staging.tracks add column more text", role="spotify_owner")
    assert warehouse.dbt(*GENERATE).success
    assert publish_docs(runtime, warehouse.target) == [KEYS[0], KEYS[2]]


def run_task(warehouse: Warehouse, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, *, port: int) -> None:
    """Run the task of spotify_transform with its connections."""
    login = {"conn_type": "postgres", "host": "127.0.0.1", "port": port, "schema": warehouse.database}
    warehouse_dbt = login | {"login": "spotify_dbt", "password": PASSWORD}
    store = runtime.lookup(SPOTIFY_LAKE)
    lake = {"conn_type": "generic", "host": store.host, "port": store.port, "schema": store.schema}
    lake |= {"login": store.login, "password": store.password}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_DBT", json.dumps(warehouse_dbt))
    monkeypatch.setenv("AIRFLOW_CONN_SPOTIFY_LAKE", json.dumps(lake))
    run = SimpleNamespace(partition_key=str(DAY), run_id="run")
    instance = SimpleNamespace(task_id="write_docs", try_number=1)
    context: Any = {"dag_run": run, "ti": instance, "run_id": "run"}
    with DAG("documented", schedule=None):
        task = write_docs(PROJECT_ROOT / "dbt")
    try:
        with set_current_context(context):
            task.execute(context)
    finally:
        reset_adapters()


def test_the_catalogue_contains_only_the_built_models(
    warehouse: Warehouse, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warehouse.dbt("run", "--select", "stg_albums").success
    run_task(warehouse, runtime, monkeypatch, port=urlsplit(warehouse.admin_url).port or 0)

    assert json.loads(runtime.lake.get("docs/dbt/catalog.json").data)["nodes"].keys() == {
        "model.spotify.stg_albums"
    }
    assert "model.spotify.dim_track" in json.loads(runtime.lake.get("docs/dbt/manifest.json").data)["nodes"]


def test_an_outage_skips_the_task_and_keeps_old_documentation(
    warehouse: Warehouse, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.lake.put("docs/dbt/catalog.json", b"of the run before")
    with PortReservation() as reservation, pytest.raises(AirflowSkipException, match="no documentation"):
        run_task(warehouse, runtime, monkeypatch, port=reservation.choose(16_900))

    assert runtime.lake.get("docs/dbt/catalog.json").data == b"of the run before"
