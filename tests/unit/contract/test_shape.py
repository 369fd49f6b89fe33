"""Which fields records have, and which of them the contract does not know."""

from __future__ import annotations

from pathlib import Path

from spotify_pipeline.contract.extract import Found, find_records
from spotify_pipeline.contract.shape import Shape, sometimes
from spotify_pipeline.json_reading import read_json
from tests.unit.contract.test_validator import track


def test_fields_are_counted_those_of_what_is_mentioned_too() -> None:
    shape = Shape()
    shape.add("track", track(popularity=None))
    shape.add("track", track(album={"id": "x", "mood": 1}))
    shape.add("track", "no object")
    assert shape.records == 2
    assert (shape.fields["name"], shape.fields["popularity"], shape.fields["album.id"]) == (2, 1, 1)
    assert shape.fields["artists.name"] == 2
    assert shape.new_fields("track") == ["album.mood"]


def test_what_comes_and_goes_by_nature_is_not_counted() -> None:
    shape = Shape()
    shape.add("track", track(linked_from={}, restrictions={}, is_playable=True))
    assert {"linked_from", "restrictions", "is_playable"} <= sometimes("track")
    assert not sometimes("track") & set(shape.fields)


def test_a_name_that_nobody_can_print_is_counted_under_a_word() -> None:
    shape = Shape()
    shape.add("artist", {"id": "x", "a\0b": 1, "\x1b[2J": 1, "x" * 1000: 1})
    assert shape.new_fields("artist") == ["(unprintable)"]
    assert shape.fields["(unprintable)"] == 1


def test_no_field_of_the_recorded_responses_is_unknown(reference_data: Path) -> None:
    shapes = {kind: Shape() for kind in ("track", "album", "artist")}
    for path in (reference_data / "recorded").rglob("*.json"):
        for item in find_records(read_json(path.read_bytes())):
            if isinstance(item, Found):
                shapes[item.kind].add(item.kind, item.record)
    assert {kind: shape.new_fields(kind) for kind, shape in shapes.items()} == {
        "track": [],
        "album": [],
        "artist": [],
    }
    assert shapes["track"].records > 800
