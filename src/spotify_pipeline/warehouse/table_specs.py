"""What the bulk upsert needs to know of each record kind, read off the tables themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from spotify_pipeline.warehouse.tables import staging

# SQLAlchemy ships its dialects untyped
_POSTGRES: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
SIMPLIFIED, FULL = 0, 1
LISTING = "listing"


class Occurrence(NamedTuple):
    """One sighting of a record in a raw object.

    `fields` holds only the columns that the record's shape has, by their name in the staging table: a field
    that is absent overwrites nothing, one that is there and None does. A field group counts as there when
    all of its columns are; `listing` has to be. `position` is the record's place within its raw object and
    decides between two sightings of one id in it, the later winning; without it the place in the stream does.
    A `stub` was only mentioned by another record: it fills the tables, and belongs to no source.
    """

    kind: str
    key: str
    rank: int
    observed_at: datetime
    raw_key: str
    fields: Mapping[str, Any]
    stub: bool = False
    position: int | None = None

    @property
    def where(self) -> str:
        """Name of the record and its raw object, for messages."""
        return f"{self.kind} {self.key} of {self.raw_key}"


@dataclass(frozen=True)
class Group:
    """Columns that arrive together and are overwritten together."""

    name: str
    columns: tuple[str, ...]

    @cached_property
    def members(self) -> frozenset[str]:
        """The columns as a set."""
        return frozenset(self.columns)

    @property
    def order(self) -> tuple[str, str, str]:
        """The order columns: where the values come from, greatest wins."""
        return (f"{self.name}_observed_at", f"{self.name}_rank", f"{self.name}_raw_key")


@dataclass(frozen=True)
class TableSpec:
    """A record kind: its table, its observations, its key and its field groups, `listing` first."""

    kind: str
    table: str
    observations: str
    key: str
    groups: tuple[Group, ...]
    # column name to Postgres type, in the order of the groups
    types: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of all groups."""
        return tuple(self.types)

    def groups_in(self, occurrence: Occurrence) -> Iterator[bool]:
        """Say for each group whether the occurrence has it.

        Raises:
            ValueError: it lacks a column of `listing`, has one that the table does not, or no time zone.
        """
        fields = occurrence.fields
        # comparisons of key views and sets: this runs once for each sighting
        if not fields.keys() <= self.types.keys():
            unknown = ", ".join(sorted(fields.keys() - self.types.keys()))
            raise ValueError(f"{occurrence.where}: {self.table} has no column {unknown}")
        for group in self.groups:
            there = fields.keys() >= group.members
            if group.name == LISTING and not there:
                missing = ", ".join(sorted(set(group.columns) - fields.keys()))
                raise ValueError(f"{occurrence.where}: a record without {missing} has no listing")
            yield there


def _spec(kind: str, table: sa.Table, observations: sa.Table) -> TableSpec:
    groups: dict[str, list[str]] = {}
    types: dict[str, str] = {}
    for column in table.columns:
        if "group" in column.info:
            groups.setdefault(column.info["group"], []).append(column.name)
            types[column.name] = column.type.compile(dialect=_POSTGRES)
    return TableSpec(
        kind=kind,
        table=f"{table.schema}.{table.name}",
        observations=f"{observations.schema}.{observations.name}",
        key=f"{kind}_id",
        groups=tuple(Group(name, tuple(columns)) for name, columns in groups.items()),
        types=types,
    )


SPECS: Mapping[str, TableSpec] = {
    "track": _spec("track", staging.tracks, staging.track_observations),
    "album": _spec("album", staging.albums, staging.album_observations),
    "artist": _spec("artist", staging.artists, staging.artist_observations),
    "playlist": _spec("playlist", staging.playlists, staging.playlist_observations),
}
