"""All rules of the contract as a list: the schemas are read out, nothing is said twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spotify_pipeline.contract.entries import ENTRY_KINDS
from spotify_pipeline.contract.extract import KINDS
from spotify_pipeline.contract.validator import NOT_JSON, TOO_DEEP, schema

RECORD_KINDS = (*KINDS, "playlist")
SCHEMA_KINDS = (*RECORD_KINDS, *dict.fromkeys(ENTRY_KINDS.values()))
ALL_KINDS = (*SCHEMA_KINDS, "response")
RESPONSE_RULES = {
    "response.not_json": ("is JSON", "an answer can be read, in UTF-8, UTF-16 or UTF-32"),
    "response.no_page": ("has a list of items", "an answer of pages holds a page"),
}
_KEYWORDS = {
    "type": "is {}",
    "const": "is `{}`",
    "enum": "is one of {}",
    "pattern": "matches `{}`",
    "minLength": "has at least {} characters",
    "maxLength": "has at most {} characters",
    "minimum": "is at least {}",
    "maximum": "is at most {}",
    "maxItems": "has at most {} members",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a record must hold: the code it is refused with, what is demanded, and why."""

    code: str
    demand: str
    sentence: str


def rules(kind: str) -> list[Rule]:
    """Rules of a record or entry kind, sorted by code; those of `response` are of a whole answer."""
    if kind == "response":
        return [Rule(code, *words) for code, words in sorted(RESPONSE_RULES.items())]
    found = [*_rules(kind, schema(kind))]
    found.append(Rule(f"{kind}.not_json", "can be written as JSON", NOT_JSON))
    found.append(Rule(f"{kind}.too_deep", "can be walked through", TOO_DEEP))
    if kind in ENTRY_KINDS.values() and kind != "top_track":
        found.append(Rule(f"{kind}.instant", "is a day of the calendar", "an instant is one that exists"))
    return sorted(set(found), key=lambda rule: (rule.code, rule.demand))


def reason_codes() -> list[str]:
    """Every code that a record, an entry or an answer can be refused with."""
    return sorted({rule.code for kind in ALL_KINDS for rule in rules(kind)})


def nullable(rule: dict[str, Any]) -> bool:
    """Whether null keeps the rule."""
    types = rule.get("type")
    return "null" in types if isinstance(types, list) else None in rule.get("enum", ())


def _rules(path: str, rule: dict[str, Any]) -> Iterator[Rule]:
    sentence = rule["description"]
    for keyword, words in _KEYWORDS.items():
        if keyword in rule:
            yield Rule(f"{path}.{keyword}", words.format(_listed(rule[keyword])), sentence)
    for name in rule.get("required", ()):
        yield Rule(f"{path}.{name}.required", "is there", rule["properties"][name]["description"])
    for name, inner in rule.get("properties", {}).items():
        yield from _rules(f"{path}.{name}", inner)
    if "items" in rule:  # the place in a list is in the pointer, not in the code
        yield from _rules(path, rule["items"])


def _listed(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return " or ".join("null" if item is None else str(item) for item in value)
