"""Tests the columns of observations and of their tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.warehouse.table_specs import SPECS, TableSpec
from spotify_pipeline.warehouse.tables import metadata

AT = datetime(2026, 11, 5, tzinfo=UTC)


LISTING = {
    "name": "Album",
    "album_type": "album",
    "total_tracks": 1,
    "release_date_raw": "2020",
    "release_date_precision": "year",
    "artist_ids": [],
    "image_url": None,
}


def album(**groups: dict[str, Any]) -> Observation:
    return Observation("album", "a1", 1, AT, "raw/a.json", {"listing": LISTING, **groups})


@pytest.mark.parametrize(
    ("groups", "present", "values"),
    [
        ({}, [True, False, False, False], [None, None, None]),
        ({"detail": {"upc": None}}, [True, True, False, False], [None, None, None]),
        ({"detail": {"upc": "1"}, "label": {"label": "L"}}, [True, True, True, False], ["1", "L", None]),
        ({"popularity": {"popularity": 0}}, [True, False, False, True], [None, None, 0]),
    ],
)
def test_a_group_is_present_even_when_its_values_are_null(
    groups: dict[str, Any], present: list[bool], values: list[Any]
) -> None:
    assert SPECS["album"].values(album(**groups)) == [*present, *LISTING.values(), *values]


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        ({}, "listing.name"),
        ({"listing": {"name": "N"}, "detail": {"genres": []}}, "detail.image_url"),
        ({"listing": {"name": "N", "colour": "red"}}, "listing.colour"),
        ({"listing": {"name": "N"}, "mood": {"mood": 1}}, "mood.mood"),
    ],
)
def test_an_observation_that_does_not_fit_is_named(groups: dict[str, Any], named: str) -> None:
    misfit = Observation("artist", "a1", 1, AT, "raw/a.json", groups)
    expected = rf"artist a1 of raw/a\.json does not fit staging\.artists: .*{named}"
    with pytest.raises(ValueError, match=expected):
        SPECS["artist"].values(misfit)


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_table_and_observations_have_the_same_columns(spec: TableSpec) -> None:
    current = set(metadata.tables[spec.table].columns.keys())
    history = set(metadata.tables[spec.observations].columns.keys())
    generated = {column.name for column in metadata.tables[spec.table].columns if column.computed}
    assert current - history - generated == {"first_seen_on", "last_seen_on"}
    assert history - current == {"observed_on"}


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_only_the_listing_is_never_null(spec: TableSpec) -> None:
    columns = metadata.tables[spec.table].columns
    for group in spec.groups:
        assert {columns[name].nullable for name in group.order} == {group.name != "listing"}


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_raw_keys_sort_by_bytes(spec: TableSpec) -> None:
    columns = metadata.tables[spec.table].columns
    assert {getattr(columns[group.order[2]].type, "collation", None) for group in spec.groups} == {"C"}
