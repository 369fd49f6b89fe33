"""Generates records from the schemas, and mutations of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

INSTANT = r"^[0-9]{4}-[0-9]{2}"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
IDS = st.text("0123456789abcXYZ", min_size=22, max_size=22)
# replacements for any value of a record
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [0, -0.0, 85.0, 1.5, 1e308, "", "x", "a\0b", "0" * 22, "0" * 21 + "\n", "é" * 22, "2020-13"]
    ),
    st.text(max_size=30),
    st.lists(st.none() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.none() | st.integers(), max_size=3),
)


def values(rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that satisfy a rule; an unknown keyword of the schema fails the test."""
    known = {
        *("type", "const", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "maxItems"),
        *("items", "properties", "required", "description", "title", "$schema", "$id", "x-sometimes"),
    }
    assert set(rule) <= known, set(rule) - known
    if "const" in rule:
        return st.just(rule["const"])
    if "enum" in rule:
        return st.sampled_from(rule["enum"])
    types = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    return st.one_of(*(_of_type(name, rule) for name in types))


def _of_type(name: str, rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    if name == "object":
        required = rule.get("required", [])
        properties = {key: values(inner) for key, inner in rule.get("properties", {}).items()}
        return st.fixed_dictionaries(
            {key: properties[key] for key in required},
            optional={key: inner for key, inner in properties.items() if key not in required},
        )
    if name == "array":
        members = values(rule["items"]) if "items" in rule else st.none()
        return st.lists(members, max_size=2)
    if name == "integer":
        low, high = rule.get("minimum", -5), rule.get("maximum", 5)
        whole = st.sampled_from([low, high]) | st.integers(low, high)
        return whole | whole.map(float)  # JSON has one kind of number
    if name == "string":
        return _text(rule)
    return {"null": st.none(), "boolean": st.booleans()}[name]


def _text(rule: dict[str, Any]) -> st.SearchStrategy[str]:
    if rule.get("maxLength") == 22:
        return IDS
    if rule.get("pattern", "").startswith(INSTANT):
        return st.sampled_from(["2026-11-22T06:00:00Z", "2018-10-04T22:00:00.123Z"])
    return TEXT


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a record."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def mutated(record: Any, data: st.DataObject) -> Any:
    """Return the record with one to three values replaced, removed or added."""
    record = copy.deepcopy(record)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(places(record))))
        if not place:
            return data.draw(JUNK)
        parent = record
        for key in place[:-1]:
            parent = parent[key]
        if isinstance(parent, dict) and data.draw(st.booleans()):
            del parent[place[-1]]
            parent[data.draw(st.sampled_from(["new", "id", "type"]))] = data.draw(JUNK)
        else:
            parent[place[-1]] = data.draw(JUNK)
    return record
