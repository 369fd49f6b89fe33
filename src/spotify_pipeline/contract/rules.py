"""Lists all rules of the contract, read from the schemas, and writes the tables of docs/reason-codes.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from spotify_pipeline.contract.entries import ENTRY_KINDS
from spotify_pipeline.contract.extract import KINDS
from spotify_pipeline.contract.validator import NOT_JSON, TOO_DEEP, schema

RECORD_KINDS = (*KINDS, "playlist")
SCHEMA_KINDS = (*RECORD_KINDS, *dict.fromkeys(ENTRY_KINDS.values()))
ALL_KINDS = (*SCHEMA_KINDS, "response")
RESPONSE_RULES = {
    "response.not_json": ("is JSON", "a response is JSON in UTF-8, UTF-16 or UTF-32"),
    "response.no_page": ("has a list of items", "a response of pages holds a page"),
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

_INSTANTS = frozenset({"added_at", "played_at"})
_BOUNDS = ("minLength", "maxLength", "minimum", "maximum", "maxItems", "pattern", "const", "enum")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its reason code, its demand, and a sentence that explains it."""

    code: str
    demand: str
    sentence: str


def rules(kind: str) -> list[Rule]:
    """Return the rules of a record kind, an entry kind or a whole response, sorted by code."""
    if kind == "response":
        return [Rule(code, *words) for code, words in sorted(RESPONSE_RULES.items())]
    found = [*_rules(kind, schema(kind))]
    found.append(Rule(f"{kind}.not_json", "can be written as JSON", NOT_JSON))
    found.append(Rule(f"{kind}.too_deep", "can be walked through", TOO_DEEP))
    if not _INSTANTS.isdisjoint(schema(kind)["properties"]):
        found.append(Rule(f"{kind}.instant", "is a day of the calendar", "an instant is one that exists"))
        found.append(Rule(f"{kind}.no_id", "has the id of its track", "the track of an entry has an id"))
    return sorted(set(found), key=lambda rule: (rule.code, rule.demand))


def nullable(rule: dict[str, Any]) -> bool:
    """Return whether a rule allows null."""
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


def markdown_tables() -> str:
    """Return the tables of docs/reason-codes.md."""
    return f"## All fields\n\n{_field_tables()}\n\n## All reason codes\n\n{_code_tables()}\n"


def _field_tables() -> str:
    """Return a table for each kind: its fields, and which of them are required, nullable or bounded."""
    parts = []
    for kind in SCHEMA_KINDS:
        own = schema(kind)
        lines = [
            f"#### {kind}",
            "",
            "| field | type | required | null | bounds | |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(name, rule, name in own["required"]) for name, rule in own["properties"].items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _code_tables() -> str:
    """Return a table for each kind: its reason codes, what each demands, and its sentence."""
    parts = []
    for kind in ALL_KINDS:
        lines = [f"#### {kind}", "", "| reason code | demands that it | |", "|---|---|---|"]
        for code, same in groupby(rules(kind), key=lambda rule: rule.code):
            found = list(same)
            demands = "; ".join(dict.fromkeys(rule.demand for rule in found))
            sentences = "; ".join(dict.fromkeys(rule.sentence for rule in found))
            lines.append(f"| `{code}` | {_cell(demands)} | {_cell(sentences)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(name: str, rule: dict[str, Any], required: bool) -> str:
    types = rule.get("type", "string")
    shown = ", ".join(part for part in (types if isinstance(types, list) else [types]) if part != "null")
    bounds = ", ".join(f"{key} `{_listed(rule[key])}`" for key in _BOUNDS if key in rule)
    words = rule["description"] + ("; sometimes absent" if rule.get("x-sometimes") else "")
    yes = ("yes" if required else "", "yes" if nullable(rule) else "")
    return f"| `{name}` | {shown} | {yes[0]} | {yes[1]} | {_cell(bounds)} | {_cell(words)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
