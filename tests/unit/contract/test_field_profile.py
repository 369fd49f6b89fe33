"""Tests the counts of fields in records, and which fields are not in the contract."""

from __future__ import annotations

from pathlib import Path

from spotify_pipeline.contract.extract import Found, find_records
from spotify_pipeline.contract.field_profile import FieldProfile, sometimes
from spotify_pipeline.json_reading import read_json
from tests.unit.contract.records import track


def test_fields_are_counted_with_those_of_nested_records() -> None:
    profile = FieldProfile("album", "track")
    profile.add(track(popularity=None))
    profile.add(track(album={"id": "x", "mood": 1}))
    profile.add("no object")
    assert profile.records == 2
    assert (profile.fields["name"], profile.fields["popularity"], profile.fields["album.id"]) == (2, 1, 1)
    assert profile.fields["artists.name"] == 2
    assert profile.new_fields == ["album.mood"]


def test_fields_that_are_only_sometimes_present_are_not_counted() -> None:
    profile = FieldProfile("album", "track")
    profile.add(track(linked_from={}, restrictions={}, is_playable=True))
    assert {"linked_from", "restrictions", "is_playable"} <= sometimes("track")
    assert not sometimes("track") & set(profile.fields)


def test_an_unprintable_field_name_is_replaced() -> None:
    profile = FieldProfile("artist", "artist")
    profile.add({"id": "x", "a\0b": 1, "\x1b[2J": 1, "x" * 1000: 1})
    assert profile.new_fields == ["(unprintable)"]
    assert profile.fields["(unprintable)"] == 1


def test_every_field_of_the_recorded_responses_is_known(reference_data: Path) -> None:
    profiles = {kind: FieldProfile("any", kind) for kind in ("track", "album", "artist")}
    for path in (reference_data / "recorded").rglob("*.json"):
        for item in find_records(read_json(path.read_bytes())):
            if isinstance(item, Found):
                profiles[item.kind].add(item.record)
    assert {kind: profile.new_fields for kind, profile in profiles.items()} == {
        "track": [],
        "album": [],
        "artist": [],
    }
    assert profiles["track"].records > 800
