"""Tests that the compiled validator and the reference validator give the same verdict on every record."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotify_pipeline.contract.entries import ENTRY_KINDS, find_entries
from spotify_pipeline.contract.extract import Found, find_records
from spotify_pipeline.contract.rules import ALL_KINDS, SCHEMA_KINDS, rules
from spotify_pipeline.contract.validator import explain, schema, validate
from spotify_pipeline.json_reading import read_json
from tests.unit.contract.generated import mutated, places, values

CODES = frozenset(rule.code for kind in ALL_KINDS for rule in rules(kind))
generously = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@cache
def compiled(kind: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(kind))


@cache
def reference(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(kind))


def verdict(kind: str, record: Any) -> bool:
    """Return the common verdict; a violation must have a known code and a pointer into the record."""
    is_valid = compiled(kind).is_valid(record)
    assert is_valid == reference(kind).is_valid(record), (kind, record)
    given = validate(kind, record)
    assert given.valid == is_valid
    assert explain(kind, record).valid == is_valid
    for violation in given.violations:
        assert violation.code in CODES, violation
        assert violation.message
        place = record
        for part in violation.pointer.split("/")[1:]:
            place = place[int(part)] if isinstance(place, list) else place[part]
    return is_valid


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
@generously
@given(data=st.data())
def test_equal_on_generated_records_and_mutations(kind: str, data: st.DataObject) -> None:
    record = data.draw(values(schema(kind)))
    assert verdict(kind, record), record
    verdict(kind, mutated(record, data))


def recorded(reference_data: Path) -> list[tuple[str, Any]]:
    """Return every record and entry of the recorded responses, with its kind."""
    found: list[tuple[str, Any]] = []
    for path in sorted((reference_data / "recorded").rglob("*.json")):
        body = read_json(path.read_bytes())
        found += [(item.kind, item.record) for item in find_records(body) if isinstance(item, Found)]
        for request, kind in ENTRY_KINDS.items():
            found += [(kind, entry.record) for entry in find_entries(request, body) if entry.record]
    return found


def test_equal_on_every_recorded_record_and_entry(reference_data: Path) -> None:
    verdicts = Counter((kind, verdict(kind, record)) for kind, record in recorded(reference_data))
    assert verdicts["track", True] > 800
    # projections by `fields=`
    assert verdicts["track", False] == 40
    # release_date as an object, in 2014
    assert (verdicts["album", True], verdicts["album", False]) == (113, 2)
    assert verdicts["artist", False] == 0


REPLACEMENTS: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**20,
    "",
    "x",
    "a\0b",
    "'; DROP TABLE x; --",
    "../../x",
    [],
    [[]],
    {},
]


def test_equal_on_recorded_records_with_changed_values(reference_data: Path) -> None:
    """Each value of a sample of records is replaced by four wrong ones, and removed."""
    chosen = random.Random(4).sample(recorded(reference_data), 25)
    refused = judged = 0
    for kind, record in chosen:
        # one market stands for all
        slim = json.loads(json.dumps(record, default=str))
        for holder in (slim, slim.get("album") or {}):
            if isinstance(holder, dict) and isinstance(holder.get("available_markets"), list):
                holder["available_markets"] = holder["available_markets"][:1]
            if isinstance(holder, dict) and isinstance(holder.get("tracks"), dict):
                holder["tracks"] = {}
        for place in list(places(slim))[1:]:
            for value in random.Random(str(place)).sample(REPLACEMENTS, 4):
                changed = copy.deepcopy(slim)
                parent = changed
                for key in place[:-1]:
                    parent = parent[key]
                parent[place[-1]] = value
                refused += not verdict(kind, changed)
                judged += 1
            if isinstance(parent, dict):
                del parent[place[-1]]
                verdict(kind, changed)
    assert judged > 2_000
    assert 0.1 < refused / judged < 0.95
