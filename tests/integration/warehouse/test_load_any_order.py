"""Promise 2: loads in any order, repeated or split, give the same tables as loads in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.warehouse.merge import Merge
from spotify_pipeline.warehouse.table_specs import SPECS
from tests.integration.warehouse.raw_objects import START, RawObject, raw_objects
from tests.integration.warehouse.warehouse_database import Warehouse, track

pytestmark = pytest.mark.integration


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[RawObject], list[list[RawObject]]]:
    """Draw raw objects, and loads that together contain each of them at least once in any order."""
    objects = draw(st.lists(raw_objects(), min_size=1, max_size=6, unique_by=lambda raw: raw.raw_key))
    repeated = draw(st.lists(st.sampled_from(objects), max_size=3))
    shuffled = draw(st.permutations(objects + repeated))
    loads: list[list[RawObject]] = [[]]
    for raw in shuffled:
        if draw(st.booleans()):
            loads.append([])
        loads[-1].append(raw)
    return objects, [load for load in loads if load]


def run(conn: psycopg.Connection, objects: list[RawObject]) -> None:
    by_source: defaultdict[str, list[Observation]] = defaultdict(list)
    for raw in objects:
        by_source[raw.source] += raw.observations
    for source, observations in by_source.items():
        merge = Merge(conn, source)
        merge.add(observations)
        merge.finish()
        conn.commit()


def expected(objects: list[RawObject]) -> dict[str, tuple[Any, ...]]:
    """Compute the expected values in Python, for each id and field group."""
    observations = [item for raw in objects for item in raw.observations]
    return {
        key: tuple(_expected_values(key, observations)) for key in sorted({item.key for item in observations})
    }


def _expected_values(key: str, observations: list[Observation]) -> Iterator[Any]:
    for group, column in (
        ("listing", "name"),
        ("playability", "is_playable"),
        ("detail", "isrc"),
        ("popularity", "popularity"),
    ):
        having = [
            (
                item.observed_at,
                item.rank,
                item.raw_key.encode(),
                position,
                item.groups[group][column],
            )
            for position, item in enumerate(observations)
            if item.key == key and group in item.groups
        ]
        yield max(having, key=lambda found: found[:4])[4] if having else None


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
@pytest.mark.slow
def test_promise_2_any_order_same_result(warehouse: Warehouse, history: tuple[Any, Any]) -> None:
    objects, loads = history
    warehouse.empty()
    with warehouse.connect() as conn:
        for raw in sorted(objects, key=lambda raw: raw.observations[0].observed_at):
            run(conn, [raw])
    in_order = warehouse.checksums()
    rows = warehouse.rows(
        "SELECT track_id, name, is_playable, isrc, popularity FROM staging.tracks ORDER BY 1"
    )
    assert {row[0]: row[1:] for row in rows} == expected(objects)

    warehouse.empty()
    with warehouse.connect() as conn:
        for load in loads:
            run(conn, load)
    assert warehouse.checksums() == in_order


def test_promise_2_an_equal_newer_observation_counts(warehouse: Warehouse) -> None:
    """An equal newer observation is recorded; else an older one that is loaded later would replace it."""
    old, between, new = (
        track(at=START + timedelta(minutes=minutes), raw_key=f"raw/{minutes}", name=name)
        for minutes, name in ((0, "a"), (1, "b"), (2, "a"))
    )
    for observation in (old, new, between):
        warehouse.load([observation])
    assert warehouse.row("SELECT name, listing_raw_key FROM staging.tracks") == ("a", "raw/2")


def test_field_groups_of_each_kind() -> None:
    assert {kind: [group.name for group in spec.groups] for kind, spec in SPECS.items()} == {
        "track": ["listing", "playability", "detail", "popularity"],
        "album": ["listing", "detail", "label", "popularity"],
        "artist": ["listing", "detail", "popularity"],
        "playlist": ["listing"],
    }
