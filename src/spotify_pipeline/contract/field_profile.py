"""Counts the fields that records have, so that drift of the API shows from run to run.

A field is new if the schemas do not describe it. A field is gone if the run before had it (view
ops.contract_drift): which fields an app gets depends on its class and on the request, so no fixed list is
possible. Fields that a schema marks `x-sometimes` come and go, and are not counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from spotify_pipeline.contract.validator import schema

_NAME_MAX = 100
# fields of a track or album that mention other records, and the kind of those
_MENTIONED = {"album": "album", "artists": "artist"}
# entries that are records themselves; their own schemas have only the fields that the list needs
_ENTRY_IS = {"top_track": "track", "top_artist": "artist", "followed_artist": "artist"}


@dataclass
class FieldProfile:
    """Fields of the records of one kind in the responses to one kind of request.

    Attributes:
        request_kind: kind of request; a listing shows fewer fields than a detail.
        record_kind: kind of record.
        records: number of records.
        fields: number of records that have the field, by its name. A field of an album or an artist that the
            record mentions is `album.NAME` or `artists.NAME`.
        new_fields: fields that the schemas do not describe, sorted.
    """

    request_kind: str
    record_kind: str
    records: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    new_fields: list[str] = field(default_factory=list)

    def add(self, record: Any) -> None:
        """Count a record; a value that is not an object is ignored."""
        if not isinstance(record, dict):
            return
        kind = self.record_kind
        mentioned = [tuple(_first(record.get(own))) for own in _MENTIONED]
        names = _names(kind, tuple(record), *mentioned)
        self.records += 1
        if not names <= self.fields.keys():
            new = names - self.fields.keys() - described(kind)
            self.new_fields = sorted((*self.new_fields, *new))
        self.fields.update(names)

    @property
    def drift(self) -> str:
        """The new fields, as a sentence."""
        shown = ", ".join(f"{name} ({self.fields[name]} of {self.records})" for name in self.new_fields)
        return f"fields of {self.record_kind} that the contract does not describe: {shown}"


@cache
def described(kind: str) -> frozenset[str]:
    """Return every field that the contract describes, required or not."""
    names = set(_properties(kind))
    if kind in ("track", "album"):
        for own, mentioned in _MENTIONED.items():
            names |= {f"{own}.{name}" for name in _properties(mentioned)}
    return frozenset(names)


@cache
def sometimes(kind: str) -> frozenset[str]:
    """Return the fields that come and go from record to record."""
    rules = _properties(kind)
    names = {name for name, rule in rules.items() if rule.get("x-sometimes")}
    for own, mentioned in _MENTIONED.items():
        names |= {f"{own}.{name}" for name, rule in _properties(mentioned).items() if rule.get("x-sometimes")}
    return frozenset(names)


# records of one response mostly have the same fields
@lru_cache(maxsize=256)
def _names(kind: str, own: tuple[str, ...], *mentioned: tuple[str, ...]) -> frozenset[str]:
    """Return the fields to count: those of a record, and of the album and artist that it mentions."""
    names = {_clean(name) for name in own}
    if kind in ("track", "album"):
        for (prefix, other), fields in zip(_MENTIONED.items(), mentioned, strict=True):
            names |= {f"{prefix}.{_clean(name)}" for name in fields if other != kind}
    return frozenset(names - sometimes(kind))


def _properties(kind: str) -> dict[str, Any]:
    properties: dict[str, Any] = schema(_ENTRY_IS.get(kind, kind))["properties"]
    return properties


def _first(value: Any) -> dict[str, Any]:
    """Return the object, or the first object of a list."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else {}


def _clean(name: str) -> str:
    printable = name.isascii() and name.isprintable() and len(name) <= _NAME_MAX
    return name if printable else "(unprintable)"
