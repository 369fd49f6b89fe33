"""Tests what ingest tasks report to OpenLineage, read as the provider reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.openlineage import conf
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.extractors.manager import ExtractorManager

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.errors import ConfigurationError, ConnectionMissing
from spotify_pipeline.orchestration import lineage
from spotify_pipeline.orchestration.assets import STAGING
from spotify_pipeline.orchestration.lineage import (
    DatasetName,
    table_dataset,
    table_uri,
    tables_of,
    zone_dataset,
)
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.plays import LISTENING

WAREHOUSE = ConnectionInfo("warehouse_dbt", "postgres", host="db.example", port=6543, schema="warehouse")
LAKE = ConnectionInfo("spotify_lake", host="s3.example", schema="music")
DAY = date(2026, 11, 5)
CONNECTIONS = {"spotify_lake": LAKE, "warehouse_dbt": WAREHOUSE}
STATES = [
    SourceState("jazz", counts={"track": KindCounts(fetched=2, loaded=2), "play": KindCounts(fetched=1)}),
    SourceState("broken", status="failed"),
]


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the running task, which has an Airflow asset as outlet; lineage is on."""
    running = SimpleNamespace(inlets=[], outlets=[STAGING])
    monkeypatch.setattr(lineage, "get_current_context", lambda: {"ti": SimpleNamespace(task=running)})
    monkeypatch.setattr(conf, "is_disabled", lambda: False)
    return running


def reported(task: Any) -> tuple[list[str], list[str]]:
    """Return the input and output datasets that the provider finds, as `namespace name`."""
    found = OperatorLineage()
    ExtractorManager().extract_inlets_and_outlets(found, task)
    return tuple([f"{d.namespace} {d.name}" for d in part] for part in (found.inputs, found.outputs))  # type: ignore[return-value]


def test_raw_validated_and_staging_join_by_name(task: Any) -> None:
    lineage.fetched(CONNECTIONS.__getitem__, DAY, STATES)
    assert reported(task) == ([], ["s3://music raw/source=jazz"])

    task.outlets = []
    lineage.validated(CONNECTIONS.__getitem__, DAY, STATES)
    assert reported(task) == (["s3://music raw/source=jazz"], ["s3://music validated/source=jazz"])

    task.inlets, task.outlets = [], []
    lineage.loaded(CONNECTIONS.__getitem__, DAY, STATES)
    inputs, outputs = reported(task)
    assert inputs == ["s3://music validated/source=jazz"]
    assert "postgres://db.example:6543 warehouse.staging.tracks" in outputs
    assert not [name for name in outputs if "plays" in name], "no play was accepted"


def test_a_replay_leads_from_raw_to_staging_in_one_task(task: Any) -> None:
    lineage.replayed(CONNECTIONS.__getitem__, DAY, STATES)
    inputs, outputs = reported(task)
    assert inputs == ["s3://music raw/source=jazz"]
    assert "postgres://db.example:6543 warehouse.staging.tracks" in outputs


def test_the_hours_of_listening_are_one_dataset(task: Any) -> None:
    for hour in ("06", "07"):
        lineage.fetched(CONNECTIONS.__getitem__, DAY, [SourceState(f"{LISTENING}-{hour}")])
    assert set(reported(task)[1]) == {f"s3://music raw/source={LISTENING}"}


def test_the_partition_is_in_openlineage_s_facet(task: Any) -> None:
    lineage.validated(CONNECTIONS.__getitem__, DAY, STATES)
    [read], [_, written] = task.inlets, task.outlets
    for condition in (
        read.inputFacets["subset"].inputCondition,
        written.outputFacets["subset"].outputCondition,
    ):
        assert [part.dimensions for part in condition.partitions] == [{"ingest_date": "2026-11-05"}]


def test_airflow_s_own_assets_are_kept(task: Any) -> None:
    lineage.wrote_tables(CONNECTIONS.__getitem__, DAY, "ops.reconciliation")
    assert task.outlets[0] is STAGING
    assert reported(task) == ([], ["postgres://db.example:6543 warehouse.ops.reconciliation"])


def test_nothing_is_reported_if_lineage_is_off(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conf, "is_disabled", lambda: True)
    nothing: dict[str, ConnectionInfo] = {}
    lineage.loaded(nothing.__getitem__, DAY, STATES)
    assert (task.inlets, task.outlets) == ([], [STAGING])


def test_an_error_in_lineage_is_only_a_warning(task: Any, caplog: pytest.LogCaptureFixture) -> None:
    def absent(conn_id: str) -> ConnectionInfo:
        raise ConnectionMissing(f"connection '{conn_id}' is not defined")

    lineage.fetched(absent, DAY, STATES)
    assert "spotify_lake" in caplog.text
    assert task.outlets == [STAGING]


@pytest.mark.parametrize(
    ("kinds", "present", "absent"),
    [
        ((), {"ops.load"}, {"staging.tracks"}),
        (("track",), {"staging.tracks", "staging.albums", "staging.artists"}, {"staging.album_observations"}),
        (("play",), {"staging.plays"}, {"staging.tracks"}),
        (("playlist_item",), {"staging.playlist_membership", "staging.list_reads"}, {"staging.plays"}),
    ],
)
def test_a_load_writes_the_tables_of_its_kinds_and_stubs(
    kinds: tuple[str, ...], present: set[str], absent: set[str]
) -> None:
    found = set(tables_of(kinds))
    assert present <= found
    assert not absent & found


def test_a_table_has_openlineage_s_name_for_postgres() -> None:
    assert table_dataset(WAREHOUSE, "staging", "tracks") == DatasetName(
        "postgres://db.example:6543", "warehouse.staging.tracks"
    )


def test_the_default_port_of_a_connection_is_postgres_s() -> None:
    assert (
        table_dataset(replace(WAREHOUSE, port=None), "marts", "dim_track").namespace
        == "postgres://db.example:5432"
    )


def test_the_uri_of_a_table_is_the_same_as_in_cosmos() -> None:
    assert (
        table_uri(WAREHOUSE, "marts", "dim_track") == "postgres://db.example:6543/warehouse/marts/dim_track"
    )


def test_a_zone_has_one_dataset_per_source() -> None:
    assert zone_dataset(LAKE, "raw", "jazz") == DatasetName("s3://music", "raw/source=jazz")


def test_a_connection_without_a_host_is_named() -> None:
    with pytest.raises(ConfigurationError, match="warehouse_dbt.*host"):
        table_dataset(replace(WAREHOUSE, host=None), "marts", "dim_track")
