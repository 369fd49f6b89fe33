"""Reading JSON responses so that a bad value in one record leaves the other records readable.

A value that is not valid JSON, or is ambiguous, is replaced by a `Flaw`, and the objects around it become
`Flawed`: the record that holds it breaks its contract, and the records next to it do not.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from math import isinf
from typing import Any

import orjson

DEPTH_MAX = 200
"""Levels of nesting that are read; deeper values are flaws. Real responses have ten levels."""
_DIGITS_MAX = 400
_PARTS_MAX = 8
_PLAIN = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_NAME = re.compile(rb'"\s*:')
# escapes that could be a quote, a colon or white space: then names cannot be counted in the raw text
_ESCAPED = re.compile(rb"\\u00(?:22|3[aA]|20|0[9aAdD])")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
# replaces a part that was cut; random, so that no response can contain it
_CUT = f"cut {secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Replaces a value that cannot be used; `reason` completes the sentence "found …"."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class Flawed(dict[str, Any]):
    """An object with a flaw somewhere inside."""


def flaw_in(value: Any, ignored: frozenset[str] = frozenset()) -> tuple[str, Flaw] | None:
    """Return the first flaw in a value and its JSON Pointer, without looking below the names `ignored`."""
    if isinstance(value, Flaw):
        return "", value
    inside: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, Flawed):
        inside = ((name, inner) for name, inner in value.items() if name not in ignored)
    elif isinstance(value, list):
        inside = enumerate(value)
    for name, inner in inside:
        found = flaw_in(inner)
        if found is not None:
            # pointers are stored and printed: they end before a name that is not plain text
            plain = isinstance(name, int) or _PLAIN.fullmatch(name)
            return (f"/{name}{found[0]}" if plain and found[0].count("/") < _PARTS_MAX else ""), found[1]
    return None


def read_json(data: bytes) -> Any:
    """Parse a response's body: UTF-8, with or without a byte order mark, UTF-16 or UTF-32.

    A `Flaw` replaces NaN, an infinite number, a number of more than 400 digits, a string with half of a
    surrogate pair, a value nested more than 200 levels deep if the body cannot be read otherwise, and the
    value of a name that an object holds twice with different values.

    Raises:
        ValueError: The body is not JSON, or has another encoding.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _read_leniently(data)
    return _read_leniently(data) if _may_repeat_names(data, body) else body


def _may_repeat_names(data: bytes, body: Any) -> bool:
    """Return whether the text has more names than the value: of two equal names one is lost."""
    if not isinstance(body, dict | list):
        return False
    try:
        plain = orjson.dumps(body)
    except (TypeError, ValueError):  # nested too deeply to be written
        return True
    if b"\\" in data and _ESCAPED.search(data):
        return True
    # the pattern takes as long as the parser: most responses have no white space before a colon
    spaced = any(white in data and white + b":" in data for white in (b" ", b"\n", b"\t", b"\r"))
    names = len(_NAME.findall(data)) if spaced else data.count(b'":')
    return names != plain.count(b'":')


def _read_leniently(data: bytes) -> Any:
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
        if not _is_text(name):
            name, value = "(unprintable)", _HALF  # noqa: PLW2901
        made[name] = _REPEATED if name in made and not _same(made[name], value) else _checked(value)
    return Flawed(made) if any(_is_flawed(value) for value in made.values()) else made


def _checked(value: Any) -> Any:
    if isinstance(value, list):
        return [_checked(member) for member in value]
    return _HALF if isinstance(value, str) and not _is_text(value) else value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_flawed(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_flawed(member) for member in value)
    return isinstance(value, Flaw | Flawed)


def _same(one: Any, other: Any) -> bool:
    # in Python 1 is True
    return type(one) is type(other) and one == other


_REPEATED = Flaw("two values under one name")
_HALF = Flaw("half of a surrogate pair")


def _float(text: str) -> float | Flaw:
    number = float(text)
    return Flaw("a number beyond any bound") if isinf(number) else number


def _int(text: str) -> int | Flaw:
    return int(text) if len(text) <= _DIGITS_MAX else Flaw("a number beyond any bound")


def _cut(text: str) -> str:
    """Replace each object or array that is nested deeper than `DEPTH_MAX` by a mark."""
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
        raise ValueError("the text ends inside a value")
    return "".join((*parts, text[kept:]))
