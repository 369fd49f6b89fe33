"""Promise 2 between the engines: row by row and byte by byte, Spark gives what the local engine gives."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.spark.conftest import World, empty
from tests.integration.spark.engines import differences, found, with_local, with_spark
from tests.integration.steps.test_replay import VERSIONS

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_promise_2_from_raw_alone_both_engines_give_the_same_rows_and_objects(
    loaded: World, spark: Any
) -> None:
    empty(loaded)
    local = with_local(loaded)
    expected = found(loaded)
    assert sum(sum(rows.values()) for rows in expected.tables.values()) > 1_000
    empty(loaded)

    states = with_spark(loaded, spark)

    assert differences(expected, found(loaded)) == {}
    assert states == local
    assert loaded.query("SELECT count(*) FROM landing.batch") == [(0,)]


def test_promise_1_a_replay_of_what_is_loaded_changes_no_row_version_and_no_object(
    loaded: World, spark: Any
) -> None:
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
