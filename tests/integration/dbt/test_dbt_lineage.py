"""Tests of column lineage, from dbt's compiled SQL to the columns of the tables that ingest fills."""

from __future__ import annotations

import json

import pytest

from spotify_pipeline.orchestration.dbt.column_lineage import Column, Relation, column_origins, known_columns
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from tests.integration.dbt.dbt_warehouse import Warehouse

pytestmark = [pytest.mark.integration, pytest.mark.slow]
Origins = dict[Column, list[Column]]
# examples of columns without a source column: they count rows
WITHOUT_ORIGIN = {
    "dim_recording.track_count",
    "mart_listening_daily.plays",
}
# written in the model itself
CONSTANTS = {
    "fct_first_listen.record_kind",
    "mart_model_watermark.model_name",
}


@pytest.fixture
def origins(warehouse: Warehouse) -> tuple[Origins, DbtManifest]:
    assert warehouse.dbt("compile", "--select", "resource_type:model").success
    manifest = DbtManifest(json.loads((warehouse.target / "manifest.json").read_bytes()))
    known = known_columns(manifest, warehouse.database)
    found: Origins = {}
    for node in manifest.raw["nodes"].values():
        if node["resource_type"] == "model":
            relation = Relation(warehouse.database, node["schema"], node["alias"])
            for name, columns in column_origins(node["compiled_code"], known).items():
                found[Column(relation, name)] = columns
    return found, manifest


def table_columns(origins: Origins, column: Column) -> set[str]:
    """Return the columns of staging and ops that a column is derived from."""
    if column not in origins:
        return {f"{column.relation.schema}.{column.relation.name}.{column.name}"}
    return set().union(*(table_columns(origins, origin) for origin in origins[column]))


def test_every_model_column_comes_from_known_columns(
    origins: tuple[Origins, DbtManifest], warehouse: Warehouse
) -> None:
    found, manifest = origins
    documented = {
        Column(Relation(warehouse.database, node["schema"], node["alias"]), name)
        for node in manifest.raw["nodes"].values()
        if node["resource_type"] == "model"
        for name in node["columns"]
    }
    assert documented == found.keys()
    known = known_columns(manifest, warehouse.database)
    unknown = {c for columns in found.values() for c in columns if c.name not in known.get(c.relation, ())}
    assert unknown == set()
    # counts of rows and generated dates; a model that the parser cannot read would add all of its columns
    empty = {f"{column.relation.name}.{column.name}" for column, columns in found.items() if not columns}
    assert empty >= WITHOUT_ORIGIN
    others = {name for name in empty if not (name.startswith("dim_date.") or counts_rows(name))}
    assert others == CONSTANTS


def counts_rows(name: str) -> bool:
    """Return whether the name of a column, `model.column`, says that it counts rows."""
    column = name.partition(".")[2]
    number = column.startswith(("new_", "partitions", "plays", "albums_")) or column.endswith("_crawled")
    return number or "count" in column


def test_a_mart_column_has_its_staging_column_as_origin(
    origins: tuple[Origins, DbtManifest], warehouse: Warehouse
) -> None:
    found, _ = origins

    def tables(model: str, column: str) -> set[str]:
        return table_columns(found, Column(Relation(warehouse.database, "marts", model), column))

    assert tables("dim_track", "duration_ms") == {"staging.tracks.duration_ms"}
    assert tables("dim_track", "album_name") == {"staging.albums.name"}
    assert tables("dim_artist", "artist_name") == {"staging.artists.name"}
    assert tables("fct_track_daily", "popularity") == {"staging.track_observations.popularity"}
