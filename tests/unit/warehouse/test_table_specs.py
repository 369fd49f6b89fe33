"""Sightings and the tables that they go to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from spotify_pipeline.warehouse.table_specs import SPECS, Occurrence, TableSpec
from spotify_pipeline.warehouse.tables import metadata

AT = datetime(2026, 11, 5, tzinfo=UTC)


def album(**fields: Any) -> Occurrence:
    listing = {
        "name": "Album",
        "album_type": "album",
        "total_tracks": 1,
        "release_date_raw": "2020",
        "release_date_precision": "year",
        "artist_ids": [],
        "image_url": None,
    }
    return Occurrence("album", "a1", 1, AT, "raw/a.json", listing | fields)


@pytest.mark.parametrize(
    ("fields", "groups"),
    [
        ({}, {"listing"}),
        ({"upc": None}, {"listing", "detail"}),
        ({"upc": "1", "label": "L"}, {"listing", "detail", "label"}),
        ({"popularity": 0}, {"listing", "popularity"}),
    ],
)
def test_a_group_is_there_when_its_fields_are_even_when_null(
    fields: dict[str, Any], groups: set[str]
) -> None:
    spec = SPECS["album"]
    found = zip(spec.groups, spec.groups_in(album(**fields)), strict=True)
    assert {group.name for group, there in found if there} == groups


def test_half_a_group_is_not_there() -> None:
    spec = SPECS["artist"]
    sighting = Occurrence("artist", "a1", 1, AT, "raw/a.json", {"name": "N", "genres": []})
    assert dict(zip([group.name for group in spec.groups], spec.groups_in(sighting), strict=True)) == {
        "listing": True,
        "detail": False,
        "popularity": False,
    }


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_table_and_observations_hold_the_same_columns(spec: TableSpec) -> None:
    current = set(metadata.tables[spec.table].columns.keys())
    history = set(metadata.tables[spec.observations].columns.keys())
    assert current - history == {"first_seen_on", "last_seen_on"}
    assert history - current == {"observed_on"}


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_only_the_listing_is_never_null(spec: TableSpec) -> None:
    columns = metadata.tables[spec.table].columns
    for group in spec.groups:
        assert {columns[name].nullable for name in group.order} == {group.name != "listing"}


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_raw_keys_sort_by_bytes(spec: TableSpec) -> None:
    columns = metadata.tables[spec.table].columns
    assert {columns[group.order[2]].type.collation for group in spec.groups} == {"C"}
