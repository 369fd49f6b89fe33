"""Tests the lineage that a model's operator gives to Airflow's OpenLineage provider when the task ends."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.openlineage import conf
from cosmos import ProfileConfig
from cosmos.constants import InvocationMode

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.orchestration.dbt import operators as transform_operators
from spotify_pipeline.orchestration.dbt.operators import RunModel
from spotify_pipeline.orchestration.dbt.task_group import PROFILE, TARGET
from spotify_pipeline.orchestration.lineage import table_dataset
from spotify_pipeline.settings import PROJECT_ROOT
from tests.integration.dbt.dbt_warehouse import PASSWORD, Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def lineage_of_model(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ConnectionInfo]:
    """Lineage of stg_tracks, and the connection that it was built with."""
    address = urlsplit(warehouse.admin_url)
    info = ConnectionInfo(
        "warehouse_dbt",
        "postgres",
        address.hostname,
        address.port,
        "spotify_dbt",
        PASSWORD,
        warehouse.database,
    )
    monkeypatch.setattr(conf, "is_disabled", lambda: False)
    monkeypatch.setattr(transform_operators, "from_airflow", lambda _: info)
    operator = RunModel(
        task_id="run",
        select="fqn:spotify.staging.spotify.stg_tracks",
        project_dir=str(PROJECT_ROOT / "dbt"),
        profile_config=ProfileConfig(
            PROFILE, TARGET, profiles_yml_filepath=PROJECT_ROOT / "dbt" / "profiles.yml"
        ),
        invocation_mode=InvocationMode.DBT_RUNNER,
        install_deps=False,
        emit_datasets=False,
        should_store_compiled_sql=False,
    )
    run = SimpleNamespace(run_id="run", partition_key="2026-11-05")
    context = {"dag_run": run, "ti": SimpleNamespace(task_id="run", try_number=1), "run_id": "run"}
    operator.execute(context)
    return operator.get_openlineage_facets_on_complete(None), info


def test_lineage_names_the_model_s_table_parents_and_columns(
    lineage_of_model: tuple[Any, ConnectionInfo],
) -> None:
    lineage, info = lineage_of_model
    source, view = table_dataset(info, "staging", "tracks"), table_dataset(info, "dbt_staging", "stg_tracks")

    assert [(d.namespace, d.name) for d in lineage.inputs] == [(source.namespace, source.name)]
    [output] = lineage.outputs
    assert (output.namespace, output.name) == (view.namespace, view.name)
    fields = output.facets["columnLineage"].fields
    assert [(f.name, f.field) for f in fields["track_name"].inputFields] == [(source.name, "name")]
    assert PASSWORD not in json.dumps(str(lineage))
