"""Tests promise 2 between the engines: Spark writes the same rows and bytes as the local engine."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from spotify_sandbox.testing import running
from tests.integration.pipeline import VERSIONS, Pipeline, connected
from tests.integration.spark.conftest import empty
from tests.integration.spark.engines import differences, found, with_local, with_spark
from tests.integration.stages.recorded import REQUESTS, spoiled, validate_recorded

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_promise_2_both_engines_give_the_same_from_raw(loaded: Pipeline, spark: Any) -> None:
    empty(loaded)
    local = with_local(loaded)
    expected = found(loaded)
    assert sum(sum(rows.values()) for rows in expected.tables.values()) > 1_000
    empty(loaded)

    states = with_spark(loaded, spark)

    assert differences(expected, found(loaded)) == {}
    assert states == local
    assert loaded.query("SELECT count(*) FROM landing.batch") == [(0,)]


def test_promise_1_a_spark_replay_changes_no_row_version(loaded: Pipeline, spark: Any) -> None:
    with_local(loaded)
    before = loaded.query(VERSIONS), loaded.checksums()
    objects = {zone: loaded.objects(zone) for zone in ("raw", "validated", "quarantine")}
    loaded.sandbox.control.reset_calls()

    with_spark(loaded, spark)

    assert (loaded.query(VERSIONS), loaded.checksums()) == before
    assert {zone: loaded.objects(zone) for zone in objects} == objects
    assert loaded.sandbox.control.calls().total == 0
    written = "SELECT sum(inserted + updated) FROM ops.load WHERE run_id = 'spark'"
    assert loaded.query(written) == [(0,)]
    # and the other way round: what Spark has loaded, the local engine finds loaded
    empty(loaded)
    with_spark(loaded, spark, "again")
    before = loaded.query(VERSIONS), loaded.checksums()
    with_local(loaded, "after")
    assert (loaded.query(VERSIONS), loaded.checksums()) == before


def test_both_engines_agree_on_recorded_responses(
    pipeline: Pipeline, spark: Any, reference_data: Path
) -> None:
    files = {path.name: path for path in (reference_data / "recorded").rglob("*.json")}
    stored = 0
    for kind, names in REQUESTS.items():
        for name in names:
            stored += 1
            body = files[name].read_bytes()
            validate_recorded(pipeline, stored, kind, body if stored % 2 else spoiled(body))
    local = with_local(pipeline)
    expected = found(pipeline)
    empty(pipeline)

    assert with_spark(pipeline, spark) == local
    assert differences(expected, found(pipeline)) == {}
    statuses = {state.status for of_partition in local.values() for state in of_partition}
    assert statuses == {"complete", "failed"}, "some are mostly bad"


def test_both_engines_agree_on_the_reference_catalogue(
    pipeline: Pipeline, spark: Any, reference_data: Path
) -> None:
    catalogue = reference_data / "catalogue"
    days = sorted(date.fromisoformat(folder.name) for folder in catalogue.iterdir() if folder.is_dir())
    with running(catalog=catalogue) as sandbox:
        moved = connected(pipeline, sandbox)
        for day in days:
            moved.go_to(day)
            artists = [artist_id for artist_id, _ in sandbox.control.catalog().artists][:60]
            # neighbours share artists
            moved.list_sources(
                *(
                    {"name": f"part{n}", "kind": "artist", "ids": artists[n * 15 : n * 15 + 20]}
                    for n in range(4)
                )
            )
            moved.run(day)
    empty(moved)
    local = with_local(moved, first=days[0], last=days[-1])
    expected = found(moved)
    assert sum(expected.tables["staging.tracks"].values()) > 500
    empty(moved)
    assert with_spark(moved, spark, first=days[0], last=days[-1]) == local
    assert differences(expected, found(moved)) == {}
