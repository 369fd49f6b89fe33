"""Tests the column lineage that is added to Cosmos' lineage of a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from openlineage.client.event_v2 import Dataset, OutputDataset
from openlineage.client.serde import Serde

from spotify_pipeline.orchestration.dbt.column_lineage import Column, Relation, add_columns, column_origins
from spotify_pipeline.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt"
SERVER = "postgres://db.example:6543"
TRACKS = Relation("warehouse", "dbt_staging", "stg_tracks")
ALBUMS = Relation("warehouse", "dbt_staging", "stg_albums")
KNOWN = {TRACKS: ["track_id", "album_id", "duration_ms"], ALBUMS: ["album_id", "album_name"]}
SQL = """
    with tracks as (select * from "warehouse"."dbt_staging"."stg_tracks")
    select tracks.track_id, count(*) as plays from tracks group by tracks.track_id
"""


def model() -> OutputDataset:
    return OutputDataset(SERVER, "warehouse.marts.dim_track", facets={})


def test_origins_of_columns_have_the_names_of_datasets() -> None:
    output = model()
    add_columns([output], SQL, PROJECT)
    facet = Serde.to_dict(output)["facets"]["columnLineage"]
    [origin] = facet["fields"]["track_id"]["inputFields"]
    assert (origin["namespace"], origin["name"], origin["field"]) == (
        SERVER,
        "warehouse.dbt_staging.stg_tracks",
        "track_id",
    )
    assert "plays" not in facet["fields"], "a count has no origin"


@pytest.mark.parametrize("sql", [None, "select from where )"])
def test_without_readable_sql_there_is_no_facet(sql: str | None) -> None:
    output = model()
    add_columns([output], sql, PROJECT)
    assert output.facets == {}


def test_a_task_with_several_outputs_is_unchanged() -> None:
    outputs: list[Dataset] = [model(), model()]
    add_columns(outputs, SQL, PROJECT)
    assert [output.facets for output in outputs] == [{}, {}]


def test_a_missing_manifest_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    output = model()
    add_columns([output], SQL, tmp_path)
    assert output.facets == {}
    assert "column lineage of warehouse.marts.dim_track is not reported" in caplog.text


def origins(sql: str) -> dict[str, list[str]]:
    found = column_origins(sql, KNOWN)
    return {name: [f"{c.relation.name}.{c.name}" for c in columns] for name, columns in found.items()}


def test_stars_joins_and_expressions_lead_to_table_columns() -> None:
    sql = """
        with tracks as (select * from "warehouse"."dbt_staging"."stg_tracks"),
        albums as (select * from "warehouse"."dbt_staging"."stg_albums"),
        final as (
            select tracks.track_id, albums.album_name, tracks.duration_ms / 1000 as seconds,
                   coalesce(albums.album_name, tracks.track_id) as label
            from tracks left join albums on tracks.album_id = albums.album_id
        )
        select * from final
    """
    assert origins(sql) == {
        "track_id": ["stg_tracks.track_id"],
        "album_name": ["stg_albums.album_name"],
        "seconds": ["stg_tracks.duration_ms"],
        "label": ["stg_albums.album_name", "stg_tracks.track_id"],
    }


def test_a_column_without_inputs_has_no_origin() -> None:
    sql = 'select album_id, count(*) as tracks from "warehouse"."dbt_staging"."stg_tracks" group by album_id'
    assert origins(sql) == {"album_id": ["stg_tracks.album_id"], "tracks": []}


def test_database_and_schema_are_part_of_an_origin() -> None:
    found = column_origins('select track_id from "warehouse"."dbt_staging"."stg_tracks"', KNOWN)
    assert found == {"track_id": [Column(TRACKS, "track_id")]}


def test_both_halves_of_a_union_count() -> None:
    sql = """
        select track_id as record_id from "warehouse"."dbt_staging"."stg_tracks"
        union all select album_id from "warehouse"."dbt_staging"."stg_albums"
    """
    assert origins(sql) == {"record_id": ["stg_albums.album_id", "stg_tracks.track_id"]}


def test_sql_that_cannot_be_parsed_has_no_origins() -> None:
    assert column_origins("select from where )", KNOWN) == {}
    assert column_origins("vacuum analyze", KNOWN) == {}
