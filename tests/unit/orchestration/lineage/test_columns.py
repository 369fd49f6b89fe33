"""The facet of columns on what Cosmos tells of a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from openlineage.client.event_v2 import OutputDataset
from openlineage.client.serde import Serde

from spotify_pipeline.orchestration.lineage.columns import add_columns
from spotify_pipeline.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt"
SERVER = "postgres://db.example:6543"
SQL = """
    with tracks as (select * from "warehouse"."dbt_staging"."stg_tracks")
    select tracks.track_id, count(*) as plays from tracks group by tracks.track_id
"""


def model() -> OutputDataset:
    return OutputDataset(SERVER, "warehouse.marts.dim_track", facets={})


def test_columns_name_their_origins_as_datasets_are_named() -> None:
    output = model()
    add_columns([output], SQL, PROJECT)
    facet = Serde.to_dict(output)["facets"]["columnLineage"]
    [origin] = facet["fields"]["track_id"]["inputFields"]
    assert (origin["namespace"], origin["name"], origin["field"]) == (
        SERVER,
        "warehouse.dbt_staging.stg_tracks",
        "track_id",
    )
    assert "plays" not in facet["fields"], "made of no column"


@pytest.mark.parametrize("sql", [None, "select from where )"])
def test_without_readable_sql_there_is_no_facet(sql: str | None) -> None:
    output = model()
    add_columns([output], sql, PROJECT)
    assert output.facets == {}


def test_a_task_with_several_outputs_is_left_as_it_is() -> None:
    outputs = [model(), model()]
    add_columns(outputs, SQL, PROJECT)
    assert [output.facets for output in outputs] == [{}, {}]


def test_a_missing_manifest_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    output = model()
    add_columns([output], SQL, tmp_path)
    assert output.facets == {}
    assert "columns of warehouse.marts.dim_track are not told" in caplog.text
