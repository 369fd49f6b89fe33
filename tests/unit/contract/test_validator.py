"""Tests the validation of records."""

from __future__ import annotations

from typing import Any

import pytest

from spotify_pipeline.contract.validator import validate
from tests.unit.contract.records import ID, track


def test_fields_removed_in_development_mode_may_be_absent_or_null() -> None:
    assert validate("track", track()).valid
    assert validate("track", track(popularity=None, external_ids=None, linked_from=None)).valid


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"id": "short"}, "track.id.minLength", "/id"),
        ({"id": f"{ID[:-1]}\n"}, "track.id.pattern", "/id"),
        ({"id": None}, "track.id.type", "/id"),
        ({"name": "a\0b"}, "track.name.pattern", "/name"),
        ({"duration_ms": -1}, "track.duration_ms.minimum", "/duration_ms"),
        ({"duration_ms": 1.5}, "track.duration_ms.type", "/duration_ms"),
        ({"duration_ms": True}, "track.duration_ms.type", "/duration_ms"),
        ({"popularity": 101}, "track.popularity.maximum", "/popularity"),
        ({"artists": [{"id": ID}]}, "track.artists.name.required", "/artists/0"),
        ({"type": "episode"}, "track.type.const", "/type"),
        ({"external_ids": {"isrc": 5}}, "track.external_ids.isrc.type", "/external_ids/isrc"),
    ],
)
def test_a_broken_rule_has_a_code_and_a_pointer(changes: dict[str, Any], code: str, pointer: str) -> None:
    verdict = validate("track", track(**changes))
    assert (code, pointer) in [(violation.code, violation.pointer) for violation in verdict.violations]
    assert all(violation.message for violation in verdict.violations)


def test_each_absent_field_is_one_violation() -> None:
    verdict = validate("track", {"id": ID})
    assert [violation.code for violation in verdict.violations] == [
        f"track.{name}.required"
        for name in ("artists", "disc_number", "duration_ms", "explicit", "name", "track_number")
    ]


def test_a_whole_number_written_as_a_float_is_an_integer() -> None:
    assert validate("track", track(duration_ms=204053.0, popularity=85.0)).valid


def test_a_value_that_json_cannot_represent_is_a_violation() -> None:
    assert validate("track", track(name="\ud800")).violations[0].code == "track.not_json"
    nested: list[Any] = []
    for _ in range(5_000):
        nested = [nested]
    assert not validate("track", track(artists=nested)).valid
