"""Tests what readers see while the project's models are built, tested and published."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from spotify_pipeline.errors import BuildIncomplete
from spotify_pipeline.orchestration.dbt.manifest import DbtManifest
from spotify_pipeline.orchestration.dbt.publication import build_of
from spotify_pipeline.orchestration.dbt.results import node_results, write_results
from spotify_pipeline.warehouse.checksum import table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.publication import publish
from spotify_stack.dbt_manifest import MANIFEST
from tests.integration.databases import login
from tests.integration.dbt.dbt_warehouse import DAY, Warehouse, fill, spotify_id

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def transform(warehouse: Warehouse, partition: date, run_id: str, command: str = "build") -> bool:
    """Build and test all models, as the tasks of a run do."""
    result = warehouse.dbt(command, "--target", "build", "--exclude", "resource_type:unit_test")
    write_results(
        login(warehouse.admin_url, "spotify_dbt"),
        node_results(outcome for outcome in result.result.results if hasattr(outcome.node, "alias")),
        partition=partition.isoformat(),
        run_id=run_id,
        task_id="all",
        try_number=1,
    )
    return bool(result.success)


def publication(warehouse: Warehouse, partition: date, run_id: str) -> None:
    with connect(login(warehouse.admin_url, "spotify_ingest")) as conn:
        publish(conn, partition, run_id, warehouse.load_seq, build_of(DbtManifest.read(MANIFEST)), wait=5)


def marts(warehouse: Warehouse, schema: str = "marts") -> dict[str, str]:
    with connect(login(warehouse.admin_url, "spotify_dbt")) as conn:
        found = table_checksums(conn, schemas=(schema,))
    return {name.partition(".")[2]: table["sha256"] for name, table in found.items()}


def observe(warehouse: Warehouse, number: int) -> None:
    """Load a track that is new on a later day."""
    day = DAY + timedelta(days=number)
    warehouse.begin_load(day)
    warehouse.track(f"later{number}", day, album=None, artists=["monk"])


def test_builds_in_alternating_schemas_equal_a_full_refresh(warehouse: Warehouse) -> None:
    """Each of the two schemas gets only every second build and continues from its own newest load."""
    fill(warehouse, extended=False)
    for number in range(3):
        if number:
            observe(warehouse, number)
        run_id = f"run {number}"
        before = marts(warehouse)
        assert transform(warehouse, DAY, run_id)
        assert marts(warehouse) == before, "readers see nothing before it is published"
        publication(warehouse, DAY, run_id)
        assert number == 0 or marts(warehouse) != before
    alternating = marts(warehouse)
    assert warehouse.dbt("run", "--full-refresh", "--target", "warehouse").success
    assert marts(warehouse) == alternating
    assert "dim_track" in alternating


def test_promise_7_readers_see_no_data_of_a_failed_build(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert transform(warehouse, DAY, "good")
    publication(warehouse, DAY, "good")
    before = marts(warehouse)
    warehouse.execute("update staging.tracks set track_id = 'short' where name = 'Ruby'")

    assert transform(warehouse, DAY, "bad", "run")
    assert not transform(warehouse, DAY, "bad", "test")
    with pytest.raises(BuildIncomplete, match="did not pass"):
        publication(warehouse, DAY, "bad")

    tracks = "select count(*) filter (where track_id = 'short') from {}.dim_track"
    assert warehouse.query(tracks.format("marts_build"), role="spotify_dbt") == [(1,)]
    assert warehouse.query(tracks.format("marts"), role="spotify_reader") == [(0,)]
    assert marts(warehouse) == before
    assert warehouse.query("select run_id from ops.publication") == [("good",)]


def test_a_failed_build_does_not_change_later_publications(warehouse: Warehouse) -> None:
    """A failed build changes schema `intermediate`, which is not switched; later plays are still right."""
    fill(warehouse, extended=False)
    assert transform(warehouse, DAY, "good")
    publication(warehouse, DAY, "good")
    observe(warehouse, 1)
    warehouse.play("later1", datetime.combine(DAY + timedelta(days=1), time(12), UTC))
    warehouse.execute("update staging.tracks set track_id = 'short' where name = 'Ruby'")
    assert transform(warehouse, DAY, "bad", "run")
    assert not transform(warehouse, DAY, "bad", "test")

    warehouse.execute(f"update staging.tracks set track_id = '{spotify_id('ruby')}' where name = 'Ruby'")
    observe(warehouse, 2)
    for run_id in ("repaired", "once more"):
        assert transform(warehouse, DAY, run_id)
        publication(warehouse, DAY, run_id)
    published = marts(warehouse)

    assert warehouse.dbt("run", "--full-refresh", "--target", "warehouse").success
    assert marts(warehouse) == published
    assert warehouse.query(
        "select count(*) from marts.fct_play where track_id = %s", spotify_id("later1")
    ) == [(1,)]


def test_one_task_can_be_cleared_alone_after_catch_up(warehouse: Warehouse) -> None:
    fill(warehouse, extended=False)
    assert transform(warehouse, DAY, "first")
    publication(warehouse, DAY, "first")
    observe(warehouse, 1)
    assert transform(warehouse, DAY, "second")
    publication(warehouse, DAY, "second")
    published = marts(warehouse)
    with pytest.raises(BuildIncomplete, match="catch_up"):
        # as if one model alone had been cleared: the other tables of the retired schema are outdated
        publication(warehouse, DAY, "third")

    assert transform(warehouse, DAY, "second", "run")
    assert marts(warehouse, "marts_build") == published
    publication(warehouse, DAY, "second")
    assert marts(warehouse) == published


def test_rows_are_tested_until_they_are_published(warehouse: Warehouse) -> None:
    """A row that failed its test is found again, although its load was a week ago."""
    fill(warehouse, extended=False)
    for number in range(2):  # the two schemas trade names: each of them is published once
        observe(warehouse, number)
        assert transform(warehouse, DAY, f"run {number}")
        publication(warehouse, DAY, f"run {number}")
    wrong = "update marts_build.fct_track_daily set duration_ms = 1 where track_id = '{}'"
    warehouse.execute(wrong.format(spotify_id("ruby")))  # has been published
    observe(warehouse, 2)
    assert transform(warehouse, DAY, "of today")
    warehouse.execute(wrong.format(spotify_id("later2")))
    assert not transform(warehouse, DAY, "of today", "test")

    warehouse.execute("update ops.load set finished_at = finished_at - interval '7 days'")
    observe(warehouse, 4)
    assert transform(warehouse, DAY, "of next week", "run")
    assert not transform(warehouse, DAY, "of next week", "test")
    assert (
        warehouse.query(
            "select track_id from dbt_audit.fct_track_daily_equals_observations", role="spotify_dbt"
        )
        == [(spotify_id("later2"),)] * 2
    )
