"""JSON of a stranger → Python values: whatever one record holds, the others of the answer stay readable.

What no JSON value can be, or what cannot be told, becomes a `Flaw` in its place. A flaw is of no JSON type,
so a record that it would be loaded from breaks its contract, and the records beside it do not.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from math import isinf
from typing import Any

import orjson

DEPTH_MAX = 200
"""Nesting that is read; what lies deeper is a flaw. Real answers have ten levels."""
_DIGITS_MAX = 400
_NAME = re.compile(rb'"\s*:')
# escapes that could be a quote, a colon or white space: then names cannot be counted in the raw text
_ESCAPED = re.compile(rb"\\u00(?:22|3[aA]|20|0[9aAdD])")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
# stands for what was cut; nobody outside can guess it
_CUT = f"cut {secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class Flaw:
    """In the place of a value that cannot be used; `reason` completes "found …"."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def read_json(data: bytes) -> Any:
    """Parse an answer's body: UTF-8, with or without a byte order mark, or UTF-16 or UTF-32.

    `Flaw` stands for NaN, an infinite number, a number of more than 400 digits, what is nested more than 200
    levels deep where the whole cannot be read otherwise, and the value of a name that an object holds twice
    with different values. A lone surrogate stays in its string.

    Raises:
        ValueError: this is no JSON, or its encoding is none of these.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _read_patiently(data)
    return _read_patiently(data) if _may_repeat_names(data, body) else body


def _may_repeat_names(data: bytes, body: Any) -> bool:
    """Whether the text has another number of names than the value: of two equal ones, one is left."""
    if not isinstance(body, dict | list):
        return False
    try:
        plain = orjson.dumps(body)
    except (TypeError, ValueError):  # nested too deeply to be written
        return True
    return bool(_ESCAPED.search(data)) or len(_NAME.findall(data)) != plain.count(b'":')


def _read_patiently(data: bytes) -> Any:
    text = data.decode(json.detect_encoding(data))
    try:
        return _loads(text)
    except RecursionError:
        return _loads(_cut(text))


def _loads(text: str) -> Any:
    return json.loads(
        text,
        object_pairs_hook=_object,
        parse_constant=lambda name: Flaw(f"{name}, which is no JSON number"),
        parse_float=_float,
        parse_int=_int,
    )


def _object(pairs: list[tuple[str, Any]]) -> Any:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name == _CUT:
            return Flaw(f"a value nested more than {DEPTH_MAX} levels deep")
        made[name] = _REPEATED if name in made and not _same(made[name], value) else value
    return made


def _same(one: Any, other: Any) -> bool:
    # in Python 1 is True
    return type(one) is type(other) and one == other


_REPEATED = Flaw("two values under one name")


def _float(text: str) -> float | Flaw:
    number = float(text)
    return Flaw("a number beyond any bound") if isinf(number) else number


def _int(text: str) -> int | Flaw:
    return int(text) if len(text) <= _DIGITS_MAX else Flaw("a number beyond any bound")


def _cut(text: str) -> str:
    """The text with a mark in the place of each container that lies deeper than `DEPTH_MAX`."""
    parts: list[str] = []
    depth = kept = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "[{":
            depth += 1
            if depth == DEPTH_MAX + 1:
                parts.append(text[kept : token.start()])
        elif mark in "]}":
            if depth == DEPTH_MAX + 1:
                parts.append(f'{{"{_CUT}": true}}')
                kept = token.end()
            depth -= 1
    if depth > DEPTH_MAX:
        raise ValueError("the text ends inside of a value")
    return "".join((*parts, text[kept:]))
