"""Validates records against the contract: JSON Schema, Draft 2020-12, with two libraries.

`jsonschema_rs`, a compiled validator, decides whether a record is valid. `jsonschema`, the reference, then
explains each refused record: it gives one violation with a code for each broken rule. A test checks that the
two agree. A value that the compiled validator cannot take (a lone surrogate) is decided by the reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import jsonschema_rs

from spotify_pipeline.json_reading import Flaw, Flawed, flaw_in

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. `code` is KIND.FIELD.KEYWORD, `pointer` is relative to the record."""

    code: str
    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Result of validating a record; without violations, the record satisfies the contract."""

    violations: tuple[Violation, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the record satisfies the contract."""
        return not self.violations


_VALID = ValidationResult()
TOO_DEEP = "a record is nested less than a thousand levels deep"
NOT_JSON = "a record holds values of JSON, and text that can be written"
# fields with other records inside, which are validated on their own
_RECORDS_INSIDE = frozenset({"tracks", "items", "track", "item"})


@cache
def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a record or entry kind, in the current version."""
    folder = files("spotify_pipeline.contract") / "schemas" / f"v{SCHEMA_VERSION}"
    loaded: dict[str, Any] = json.loads((folder / f"{kind}.schema.json").read_text("utf-8"))
    return loaded


@cache
def _compiled(kind: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(kind))


@cache
def _reference(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(kind))


def validate(kind: str, record: Any) -> ValidationResult:
    """Check a record.

    A value that cannot be written as JSON, such as a lone surrogate, is a violation like any other; nothing
    is raised.

    Returns:
        All violations, in the order of their pointers.
    """
    try:
        if isinstance(record, Flawed):
            return _explain_flawed(kind, record)
        return _VALID if _compiled(kind).is_valid(record) else explain(kind, record)
    except RecursionError:
        return ValidationResult((Violation(f"{kind}.too_deep", "", TOO_DEEP),))
    except ValueError:  # the compiled validator takes no lone surrogate
        explained = explain(kind, record)
        return explained if not explained.valid else _not_json(kind, "", "half of a surrogate pair")


def _explain_flawed(kind: str, record: Flawed) -> ValidationResult:
    explained, flaw = explain(kind, record), flaw_in(record, _RECORDS_INSIDE)
    return explained if flaw is None or not explained.valid else _not_json(kind, *map(str, flaw))


def _not_json(kind: str, pointer: str, found: str) -> ValidationResult:
    return ValidationResult((Violation(f"{kind}.not_json", pointer, f"{NOT_JSON}; found {found}"),))


def explain(kind: str, record: Any) -> ValidationResult:
    """Check a record with the reference validator; each violation has a code and a sentence."""
    found = {v for error in _reference(kind).iter_errors(record) for v in _violations(kind, error)}
    return ValidationResult(tuple(sorted(found, key=lambda v: (v.pointer, v.code)))) if found else _VALID


def _violations(kind: str, error: jsonschema.ValidationError) -> Iterator[Violation]:
    path = list(error.absolute_path)
    if error.validator == "required":
        # the error does not name the absent field, and comes once for each of them: repeats are removed
        names: list[str] = error.schema["required"]  # type: ignore[index]  # the schema is ours, an object
        record: dict[str, Any] = error.instance  # type: ignore[assignment]
        for name in names:
            if name not in record:
                code = _code(kind, [*path, name], "required")
                # the pointer is to the object that lacks the field
                yield Violation(code, _pointer(path), f"{name} is required and absent")
        return
    rule = error.schema.get("description") if isinstance(error.schema, dict) else None
    # not the validator's own words: they repeat the whole value
    message = f"{rule or f'{error.validator} is broken'}; found {_shown(error.instance)}"
    yield Violation(_code(kind, path, str(error.validator)), _pointer(path), message)


def _code(kind: str, path: list[str | int], keyword: str) -> str:
    field = ".".join(str(part) for part in path if isinstance(part, str))
    return ".".join(part for part in (kind, field, keyword) if part)


def _pointer(path: list[str | int]) -> str:
    return "".join(f"/{part}" for part in path)


def _shown(value: Any) -> str:
    """Describe a value in at most 80 characters."""
    if isinstance(value, dict):
        return f"an object of {len(value)} names"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, Flaw):
        return str(value)
    text = json.dumps(value[:80] if isinstance(value, str) else value, ensure_ascii=True)
    return text if len(text) <= 80 else f"{text[:77]}..."
