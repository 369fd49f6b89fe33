"""Tables, keys and field groups of each record kind for the bulk upsert, read from the table definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.warehouse.tables import staging

# SQLAlchemy ships its dialects untyped
_POSTGRES: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
LISTING = "listing"


@dataclass(frozen=True)
class Group:
    """A field group: columns that arrive together and are overwritten together."""

    name: str
    columns: tuple[str, ...]

    @cached_property
    def nulls(self) -> tuple[None, ...]:
        """Values of an observation that lacks the group."""
        return (None,) * len(self.columns)

    @cached_property
    def read(self) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
        """Function that returns the values of the columns, in their order."""
        if len(self.columns) > 1:
            return itemgetter(*self.columns)
        (column,) = self.columns
        return lambda values: (values[column],)

    @property
    def order(self) -> tuple[str, str, str]:
        """The order columns, which identify the observation of the values; the greatest wins."""
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

    def values(self, observation: Observation) -> list[Any]:
        """Return the values of an observation: a flag for each group, then the columns of all groups.

        Raises:
            ValueError: it lacks the listing, or a group has other columns than the table.
        """
        groups = observation.groups
        present: list[Any] = []
        values: list[Any] = []
        columns = 0
        try:
            for group in self.groups:  # this runs once for each observation
                of_group = groups.get(group.name)
                if of_group is None:
                    present.append(False)
                    values += group.nulls
                else:
                    present.append(True)
                    values += group.read(of_group)
                    columns += len(group.columns)
        except KeyError:
            columns = -1
        if columns != sum(map(len, groups.values())) or LISTING not in groups:
            raise ValueError(self._mismatch(observation))
        return present + values

    def _mismatch(self, observation: Observation) -> str:
        found = {f"{name}.{column}" for name, of_group in observation.groups.items() for column in of_group}
        expected = {
            f"{group.name}.{column}"
            for group in self.groups
            if group.name in observation.groups or group.name == LISTING
            for column in group.columns
        }
        return f"{observation.where} does not fit {self.table}: {', '.join(sorted(found ^ expected))}"


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
