"""Fixtures of the Spark tests: a small pipeline and one Spark session; without Java or pyspark they skip."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from spotify_pipeline.errors import EngineMissing
from spotify_pipeline.spark.session import require_spark, spark_session
from spotify_pipeline.warehouse.connection import connect
from tests.integration.pipeline import DAY, Pipeline, listen, logged_in, own_sources, spoil

DAYS = [DAY + timedelta(days=offset) for offset in range(3)]
TABLES = """
    SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
    WHERE schemaname = 'staging' OR tablename IN ('load', 'reconciliation', 'quarantined_record',
        'crawl_state', 'crawl_begun', 'detail_queue', 'play_cursor', 'play_gap', 'record_shape')
"""
# of the last number: how often a task is tried
MASTER = "local[2,3]"


@pytest.fixture(scope="session")
def spark_installed() -> None:
    try:
        require_spark()
    except EngineMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def spark(spark_installed: None) -> Iterator[Any]:
    with spark_session(MASTER, {"spark.sql.shuffle.partitions": "4"}) as session:
        yield session


@pytest.fixture
def account(pipeline: Pipeline) -> Iterator[Pipeline]:
    """Return a pipeline with a user's sources, and two that overlap."""
    artists = [artist_id for artist_id, _ in pipeline.sandbox.control.catalog().artists]
    pipeline.list_sources(
        {"name": "first", "kind": "artist", "ids": artists[:2]},
        {"name": "second", "kind": "artist", "ids": artists[1:3]},
        *own_sources(pipeline),
    )
    yield logged_in(pipeline)
    pipeline.sandbox.control.reset_users()


def three_days(pipeline: Pipeline) -> None:
    """Run three days with changes, details, and two readings of the listening history."""
    for day in DAYS:
        pipeline.go_to(day)
        pipeline.run(day)
        pipeline.run_details(day)
    pipeline.go_to(DAY)
    listen(pipeline)


@pytest.fixture
def loaded(account: Pipeline) -> Pipeline:
    three_days(account)
    spoil(account, "first", b'"explicit":false', b'"explicit":"no"')
    return account


def empty(pipeline: Pipeline) -> None:
    """Delete all rows and objects except those of raw."""
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        (tables,) = conn.execute(TABLES).fetchone() or ("",)
        conn.execute(f"TRUNCATE {tables}".encode())
    for zone in ("validated", "quarantine"):
        pipeline.lake.delete_all(list(pipeline.objects(zone)))


@pytest.fixture
def two_days(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline with two sources that overlap, on two days."""
    pipeline.run()
    pipeline.go_to(DAYS[1])
    pipeline.run(DAYS[1])
    empty(pipeline)
    return pipeline
