"""Describes a violation of the schema of sources.yml in one sentence that says what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jsonschema import ValidationError

from spotify_pipeline.sources.yaml_text import Pointer

_TYPES = {"object": "keys with values", "array": "a list", "string": "text", "integer": "a whole number"}
_LISTS_IDS = "artist, album, track or playlist"
_KINDS_OF = {
    "ids": _LISTS_IDS,
    "ids_file": _LISTS_IDS,
    "include_groups": "artist",
    "queries": "search",
    "types": "search",
    "max_results": "search, top_tracks or top_artists",
    "time_ranges": "top_tracks or top_artists",
    "user": "playlist, saved_tracks, top_tracks, top_artists, followed_artists or recently_played",
}

Sentence = Callable[[str, Any, Any, Mapping[str, Any]], str]
"""Makes a sentence from a name, its value, the value of the schema's keyword, and the schema around it."""


def describe(error: ValidationError) -> tuple[Pointer, str]:
    """Return the pointer of a violation of the schema, and a sentence about it.

    The pointer leads to the key if the key itself is the mistake.
    """
    pointer: Pointer = tuple(error.absolute_path)
    value: Any = error.instance
    rule: Any = error.validator_value
    schema: Any = error.schema
    keyword = str(error.validator)
    if keyword == "additionalProperties":
        allowed = sorted(schema["properties"])
        unknown = next(key for key in value if key not in allowed)
        return (*pointer, unknown), f"{_shown(unknown)} is not a key here; allowed: {_list(allowed)}"
    if keyword == "uniqueItems":
        index = next(index for index, item in enumerate(value) if item in value[:index])
        return (*pointer, index), f"{_shown(value[index])} is listed twice in {_name(pointer)}: keep one"
    if keyword == "not":
        kinds = _KINDS_OF[str(pointer[-1])]
        return pointer, f"{_name(pointer)} is only for sources of kind {kinds}: remove it"
    sentence = _SENTENCES.get(keyword)
    if sentence is None:
        return pointer, f"{_name(pointer)}: {error.message}"
    return pointer, sentence(_name(pointer), value, rule, schema)


def _ids_twice_or_never(name: str, value: Any, _rule: Any, _schema: Mapping[str, Any]) -> str:
    if "ids" in value and "ids_file" in value:
        return f"{name} gives both ids and ids_file: keep one"
    return f"{name} lists no ids: give ids or ids_file"


def _text(name: str, value: Any, _rule: Any, schema: Mapping[str, Any]) -> str:
    allowed = schema.get("description", "text of at least one character")
    return f"{_shown(value)} cannot be used as {name}; allowed: {allowed}"


def _range(name: str, value: Any, _rule: Any, schema: Mapping[str, Any]) -> str:
    return f"{name} is {_shown(value)}; allowed: {schema['minimum']} to {schema['maximum']}"


_SENTENCES: Mapping[str, Sentence] = {
    "required": lambda name, value, rule, _: (
        f"{name} needs {next(key for key in rule if key not in value)!r}: add it"
    ),
    "oneOf": _ids_twice_or_never,
    "enum": lambda name, value, rule, _: f"{_shown(value)} is not allowed as {name}; allowed: {_list(rule)}",
    "const": lambda name, value, rule, _: f"{name} is {_shown(value)}; allowed: {rule}",
    "type": lambda name, value, rule, _: f"{name} must be {_TYPES[rule]}, not {_shown(value)}",
    "pattern": _text,
    "minLength": _text,
    "maxLength": _text,
    "minItems": lambda name, *_: f"{name} is empty: list at least one",
    "maxItems": lambda name, value, rule, _: f"{name} lists {len(value)}; allowed: at most {rule}",
    "minimum": _range,
    "maximum": _range,
}


def _name(pointer: Pointer) -> str:
    match pointer:
        case ():
            return "the file"
        case ("sources", int(index)):
            return f"source number {index + 1}"
        case (*_, str(parent), int()):
            return f"an entry of {parent!r}"
        case _:
            return repr(pointer[-1])


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _list(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)
