"""Names of datasets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.orchestration.lineage import names
from spotify_pipeline.orchestration.lineage.names import DatasetName

WAREHOUSE = ConnectionInfo("warehouse_dbt", "postgres", host="db.example", port=6543, schema="warehouse")
LAKE = ConnectionInfo("spotify_lake", host="s3.example", schema="music")


def test_a_table_is_named_as_openlineage_names_tables_of_postgres() -> None:
    assert names.table(WAREHOUSE, "staging", "tracks") == DatasetName(
        "postgres://db.example:6543", "warehouse.staging.tracks"
    )


def test_a_connection_without_a_port_is_at_postgres_own() -> None:
    assert (
        names.table(replace(WAREHOUSE, port=None), "marts", "dim_track").namespace
        == "postgres://db.example:5432"
    )


def test_the_asset_of_a_table_is_the_uri_that_cosmos_would_give() -> None:
    assert (
        names.table_uri(WAREHOUSE, "marts", "dim_track")
        == "postgres://db.example:6543/warehouse/marts/dim_track"
    )


def test_a_zone_has_one_dataset_a_source_whatever_the_date_and_the_user() -> None:
    assert names.zone(LAKE, "raw", "jazz") == DatasetName("s3://music", "raw/source=jazz")


def test_a_connection_without_a_host_is_named() -> None:
    with pytest.raises(ConfigurationError, match="warehouse_dbt.*host"):
        names.table(replace(WAREHOUSE, host=None), "marts", "dim_track")
