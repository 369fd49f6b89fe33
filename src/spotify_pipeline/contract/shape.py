"""Which fields records have: the drift of the source is told from it, run by run.

A field is new where the schemas do not describe it. That one is gone is told against the run before (view
ops.contract_drift): what an app may see depends on its class and on the request, so no list could say what
must be there. Fields that a schema marks `x-sometimes` come and go by nature and are not counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from spotify_pipeline.contract.validator import schema

_NAME_MAX = 100
# what a track or an album mentions, held to the shape of its own kind
_MENTIONED = {"album": "album", "artists": "artist"}


@dataclass(slots=True)
class Shape:
    """Fields of one record kind in the answers of one request kind: name → records that have it.

    A field of an album or an artist that the record mentions is `album.NAME` or `artists.NAME`.
    """

    records: int = 0
    fields: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, record: Any) -> None:
        """Count a record; what is no object has no fields."""
        if not isinstance(record, dict):
            return
        self.records += 1
        names = {_clean(name) for name in record}
        if kind in ("track", "album"):
            for own, mentioned in _MENTIONED.items():
                names |= {f"{own}.{_clean(name)}" for name in _first(record.get(own)) if mentioned != kind}
        self.fields.update(names - sometimes(kind))

    def new_fields(self, kind: str) -> list[str]:
        """Fields that the schemas do not describe, sorted."""
        return sorted(name for name in self.fields if name not in described(kind))


@cache
def described(kind: str) -> frozenset[str]:
    """Every field that the contract describes, required or not."""
    names = set(_properties(kind))
    if kind in ("track", "album"):
        for own, mentioned in _MENTIONED.items():
            names |= {f"{own}.{name}" for name in _properties(mentioned)}
    return frozenset(names)


@cache
def sometimes(kind: str) -> frozenset[str]:
    """Fields that come and go from record to record."""
    rules = {name: _properties(kind)[name] for name in _properties(kind)}
    names = {name for name, rule in rules.items() if rule.get("x-sometimes")}
    for own, mentioned in _MENTIONED.items():
        names |= {f"{own}.{name}" for name, rule in _properties(mentioned).items() if rule.get("x-sometimes")}
    return frozenset(names)


def _properties(kind: str) -> dict[str, Any]:
    # a top track is a track, and its own schema says only what the list needs
    properties: dict[str, Any] = schema("track" if kind == "top_track" else kind)["properties"]
    return properties


def _first(value: Any) -> dict[str, Any]:
    """The object, or the first of a list of them."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else {}


def _clean(name: str) -> str:
    printable = name.isascii() and name.isprintable() and len(name) <= _NAME_MAX
    return name if printable else "(unprintable)"
