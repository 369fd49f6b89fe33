"""The contract as tables for docs/contract.md; a test holds the page to them."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from spotify_pipeline.contract.rules import ALL_KINDS, SCHEMA_KINDS, nullable, rules
from spotify_pipeline.contract.validator import schema

_BOUNDS = ("minLength", "maxLength", "minimum", "maximum", "maxItems", "pattern", "const", "enum")


MARK = "<!-- made by `spotify-pipeline contract rules --markdown` -->"


def tables() -> str:
    """What stands after `MARK` in docs/contract.md."""
    return f"## All fields\n\n{fields()}\n\n## All reason codes\n\n{codes()}\n"


def fields() -> str:
    """One table a kind: which fields there are, which are required, nullable and bounded."""
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


def codes() -> str:
    """One table a kind: every reason code, what it demands, and its sentence."""
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
    words = rule["description"] + ("; comes and goes" if rule.get("x-sometimes") else "")
    yes = ("yes" if required else "", "yes" if nullable(rule) else "")
    return f"| `{name}` | {shown} | {yes[0]} | {yes[1]} | {_cell(bounds)} | {_cell(words)} |"


def _listed(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return " or ".join("null" if item is None else str(item) for item in value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
