"""Tests reading foreign JSON: an invalid value becomes a flaw in its place, the rest stays readable."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotify_pipeline.json_reading import DEPTH_MAX, Flaw, Flawed, flaw_in, read_json

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(value=json_values, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_valid_json_is_read_unchanged(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert read_json(text.encode()) == value


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(st.text(max_size=3) | st.sampled_from(['":', '"', "\\", '\\":', " :"]), max_size=5),
    repeated=st.booleans(),
    colon=st.sampled_from([":", " : ", "\t:", "\n:\n", "\r\n:"]),
)
def test_a_repeated_name_is_found_next_to_any_names(names: list[str], repeated: bool, colon: str) -> None:
    names = [name for name in dict.fromkeys(names) if name != "twice"]
    members = [f"{json.dumps(name)}{colon}{json.dumps(name)}" for name in names]
    members += [f'"twice"{colon}1'] + [f'"twice"{colon}2'] * repeated
    read = read_json(("{" + ",".join(members) + "}").encode())
    assert isinstance(read["twice"], Flaw) == repeated
    assert {name: read[name] for name in names} == {name: name for name in names}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": 1e999}', "beyond any bound"),
        ('{"a": -1e999}', "beyond any bound"),
        (f'{{"a": {"9" * 5000}}}', "beyond any bound"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": ["\\udc00x"]}', "surrogate"),
        ('{"a": 1, "a": true}', "two values"),
        ('{"a": {"b": 1, "b": 2}}', "two values"),
        ('{"a": 1, "a": 2, "a": 1}', "two values"),
        (f'{{"a": {"[" * 10_000}{"]" * 10_000}}}', "levels deep"),
        ('{"a": [NaN]}', "NaN"),
    ],
)
def test_an_invalid_value_is_a_flaw_in_its_place(text: str, reason: str) -> None:
    read = read_json(f'[{text}, {{"good": 1}}]'.encode())
    assert isinstance(read[0], Flawed)
    found = flaw_in(read[0])
    assert found is not None
    assert found[0].startswith("/a")
    assert reason in str(found[1])
    assert flaw_in(read[0], frozenset({"a"})) is None
    assert (read[1], isinstance(read[1], Flawed)) == ({"good": 1}, False)


def test_equal_repeats_and_large_numbers_are_valid() -> None:
    assert read_json(b'{"a": [1], "a": [1]}') == {"a": [1]}
    assert read_json(b'{"a": 1e308, "b": 123456789012345678901234567890}')["a"] == 1e308


def test_an_invalid_field_name_is_replaced() -> None:
    read = read_json(b'{"\\ud800": 1, "a": 2}')
    assert read["a"] == 2
    assert flaw_in(read) is not None
    json.dumps(list(read)).encode()


def test_only_levels_that_are_too_deep_are_cut() -> None:
    deep = "[" * 10_000 + "1" + "]" * 10_000
    read = read_json(f'{{"a": {deep}, "b": "[[[\\"]", "c": [[{{"d": 5}}]]}}'.encode())
    assert (read["b"], read["c"]) == ('[[["]', [[{"d": 5}]])
    levels, value = 0, read["a"]
    while isinstance(value, list):
        levels, value = levels + 1, value[0]
    assert levels == DEPTH_MAX - 1
    assert isinstance(value, Flaw)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_unicode_is_read(encoding: str) -> None:
    assert read_json('{"name": "Björk 🎵"}'.encode(encoding)) == {"name": "Björk 🎵"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"\0\0\0\0",
        b"<html>",
        b'{"a": 1',
        b"{}{}",
        b"{'a': 1}",
        '{"name": "Björk"}'.encode("latin-1"),
        b"\xff\xfe",
        b"[" * 10_000,
        b"[" * 10_000 + b"]" * 9_000,
        b"[" * 10_000 + b"}" * 10_000,
    ],
)
def test_invalid_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the parser's words
        read_json(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ud8901eN+-. ', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        read_json(data)
