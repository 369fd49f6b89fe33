"""A violation of the schema as one sentence that says what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import ValidationError

from spotify_pipeline.sources.yaml_text import Pointer

_TYPES = {"object": "keys with values", "array": "a list", "string": "text", "integer": "a whole number"}
_KINDS_OF = {
    "ids": "artist, album, track or playlist",
    "ids_file": "artist, album, track or playlist",
    "include_groups": "artist",
    "queries": "search",
    "types": "search",
    "max_results": "search",
    "time_ranges": "top_tracks",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong at `pointer`; `at_key` when the key itself is the mistake."""

    pointer: Pointer
    message: str
    at_key: bool = False


@dataclass(frozen=True)
class _Violation:
    """The parts of a jsonschema error: where, the value there, the keyword's own value, and its schema."""

    pointer: Pointer
    value: Any
    rule: Any
    schema: Mapping[str, Any]

    @property
    def name(self) -> str:
        return _name(self.pointer)

    def fault(self, message: str) -> Fault:
        return Fault(self.pointer, message)


def describe(error: ValidationError) -> Fault:
    """Turn an error of the sources schema into words."""
    pointer: Pointer = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    violation = _Violation(pointer, error.instance, error.validator_value, schema)
    words = _WORDS.get(str(error.validator))
    return words(violation) if words else violation.fault(f"{violation.name}: {error.message}")


def _required(v: _Violation) -> Fault:
    missing = next(key for key in v.rule if key not in v.value)
    return v.fault(f"{v.name} needs {missing!r}: add it")


def _unknown_key(v: _Violation) -> Fault:
    allowed = sorted(v.schema["properties"])
    unknown = next(key for key in v.value if key not in allowed)
    message = f"{_shown(unknown)} is no key here; allowed: {_list(allowed)}"
    return Fault((*v.pointer, unknown), message, at_key=True)


def _one_of(v: _Violation) -> Fault:
    if "ids" in v.value and "ids_file" in v.value:
        return v.fault(f"{v.name} gives both ids and ids_file: keep one")
    return v.fault(f"{v.name} lists no ids: give ids or ids_file")


def _other_kind(v: _Violation) -> Fault:
    kinds = _KINDS_OF[str(v.pointer[-1])]
    return Fault(v.pointer, f"{v.name} is only for sources of kind {kinds}: remove it", at_key=True)


def _enum(v: _Violation) -> Fault:
    return v.fault(f"{_shown(v.value)} is not allowed as {v.name}; allowed: {_list(v.rule)}")


def _const(v: _Violation) -> Fault:
    return v.fault(f"{v.name} is {_shown(v.value)}; allowed: {v.rule}")


def _type(v: _Violation) -> Fault:
    return v.fault(f"{v.name} must be {_TYPES[v.rule]}, not {_shown(v.value)}")


def _text(v: _Violation) -> Fault:
    allowed = v.schema.get("description", "text of at least one character")
    return v.fault(f"{_shown(v.value)} cannot be used as {v.name}; allowed: {allowed}")


def _too_few(v: _Violation) -> Fault:
    return v.fault(f"{v.name} is empty: list at least one")


def _too_many(v: _Violation) -> Fault:
    return v.fault(f"{v.name} lists {len(v.value)}; allowed: at most {v.rule}")


def _repeated(v: _Violation) -> Fault:
    index = next(index for index, item in enumerate(v.value) if item in v.value[:index])
    return Fault((*v.pointer, index), f"{_shown(v.value[index])} is listed twice in {v.name}: keep one")


def _range(v: _Violation) -> Fault:
    low, high = v.schema["minimum"], v.schema["maximum"]
    return v.fault(f"{v.name} is {_shown(v.value)}; allowed: {low} to {high}")


_WORDS: Mapping[str, Callable[[_Violation], Fault]] = {
    "required": _required,
    "additionalProperties": _unknown_key,
    "oneOf": _one_of,
    "not": _other_kind,
    "enum": _enum,
    "const": _const,
    "type": _type,
    "pattern": _text,
    "minLength": _text,
    "maxLength": _text,
    "minItems": _too_few,
    "maxItems": _too_many,
    "uniqueItems": _repeated,
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
