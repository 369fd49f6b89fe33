"""Tests that Spark folds any observations to the same rows as the SQL."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.spark.executor import Land, spark_row
from spotify_pipeline.warehouse import landing, merge_sql
from spotify_pipeline.warehouse.merge import Merge
from spotify_pipeline.warehouse.table_specs import SPECS
from tests.integration.spark.conftest import spark
from tests.integration.warehouse.conftest import bootstrapped, warehouse
from tests.integration.warehouse.raw_objects import RawObject, raw_objects
from tests.integration.warehouse.warehouse_database import Warehouse

__all__ = ["bootstrapped", "spark", "warehouse"]
pytestmark = [pytest.mark.integration, pytest.mark.slow]
TRACK = SPECS["track"]


@st.composite
def spans(draw: st.DrawFn) -> list[RawObject]:
    """Raw objects of two sources; their observations meet."""
    return draw(st.lists(raw_objects(), min_size=1, max_size=20, unique_by=lambda raw: raw.raw_key))


def by_source(objects: list[RawObject]) -> dict[str, list[Observation]]:
    found: dict[str, list[Observation]] = defaultdict(list)
    for raw in objects:
        found[raw.source] += raw.observations
    return dict(sorted(found.items()))


def folded_by_sql(conn: psycopg.Connection, objects: list[RawObject]) -> list[Any]:
    """Of all observations at once: the fold takes no notice of the source."""
    merge = Merge(conn, "all")
    merge.add(seen for of_source in by_source(objects).values() for seen in of_source)
    for spec in SPECS.values():
        merge._flush(spec)
    conn.execute(merge_sql.fold_by_date(TRACK))
    columns = ", ".join(landing.columns_of("track"))
    rows = conn.execute(f"SELECT {columns} FROM {merge_sql.folded(TRACK)} ORDER BY 1, 2".encode()).fetchall()
    conn.rollback()
    return rows


def counted_by_sql(conn: psycopg.Connection, objects: list[RawObject]) -> dict[int, tuple[int, int, int]]:
    counts = {}
    for number, (source, observations) in enumerate(by_source(objects).items(), start=1):
        merge = Merge(conn, source)
        merge.add(observations)
        merge._flush(TRACK)
        observed, loaded, ids, _ = conn.execute(merge_sql.count_incoming(TRACK)).fetchone() or (0, 0, 0, 0)
        counts[number] = (observed, loaded, ids)
        conn.rollback()
    return counts


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(objects=spans())
def test_promise_2_spark_and_sql_fold_to_equal_rows_and_counts(
    warehouse: Warehouse, spark: Any, objects: list[RawObject]
) -> None:
    from spotify_pipeline.spark import fold

    rows = [
        spark_row(number, source, position, observation)
        for number, (source, observations) in enumerate(by_source(objects).items(), start=1)
        for position, observation in enumerate(observations)
    ]
    frame = spark.createDataFrame(rows, fold.schema(), verifySchema=False).repartition(3)
    folded = [tuple(row) for row in fold.fold(frame).collect()]
    counts = {
        row.unit: (row.observed, row.loaded, row.ids) for row in fold.counts(fold.by_key(frame)).collect()
    }
    with warehouse.connect() as conn:
        conn.autocommit = True
        batch = landing.open_batch(conn, "test")
        land = Land(warehouse.info(), batch, {1: 1, 2: 2})
        assert list(land.folded(0, folded)) == [{"track": len(folded)}]
        columns = ", ".join(landing.columns_of("track"))
        landed = conn.execute(
            f"SELECT {columns} FROM {landing.name_of('track')} WHERE batch = {batch} ORDER BY 1, 2".encode()
        ).fetchall()
        landing.close_batch(conn, batch)
        conn.autocommit = False
        assert landed == folded_by_sql(conn, objects)
        assert counts == counted_by_sql(conn, objects)
