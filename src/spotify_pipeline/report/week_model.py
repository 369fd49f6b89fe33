"""Rows of the page of a week. Dates are UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from spotify_pipeline.lake.weeks import days, week_name
from spotify_pipeline.report.model import MoverRow, ReleaseRow


@dataclass(frozen=True)
class DayRow:
    """One day of the week; counts are None if the catalogue has no observation of that day."""

    day: date
    is_published: bool
    tracks_crawled: int | None
    new_tracks: int | None
    new_albums: int | None
    new_artists: int | None


@dataclass(frozen=True)
class Listening:
    """Plays of a user in the week; `listened_ms` is the sum of the lengths of tracks, an upper bound."""

    plays: int
    listened_ms: int
    tracks: int
    artists: int
    new_tracks: int
    new_artists: int
    plays_of_unknown_length: int = 0


@dataclass(frozen=True)
class PlayedRow:
    """A track or artist with its number of plays; only a track has `artist_names`."""

    name: str | None
    spotify_url: str | None
    artist_names: str | None
    plays: int


@dataclass(frozen=True)
class WeekData:
    """All data of one page; `listening` only for a listener. Equal warehouse contents give equal data."""

    monday: date
    days: list[DayRow]
    releases: list[ReleaseRow] = field(default_factory=list)
    movers: list[MoverRow] = field(default_factory=list)
    listening: Listening | None = None
    top_tracks: list[PlayedRow] = field(default_factory=list)
    top_artists: list[PlayedRow] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the week, as in `2026-W47`."""
        return week_name(self.monday)

    @property
    def sunday(self) -> date:
        """Last day of the week."""
        return days(self.monday)[-1]

    @property
    def unpublished(self) -> list[date]:
        """Days that were not published, or never fetched."""
        return [row.day for row in self.days if not row.is_published]

    @property
    def new_tracks(self) -> int:
        """Tracks first seen in the week."""
        return sum(row.new_tracks or 0 for row in self.days)

    @property
    def new_albums(self) -> int:
        """Albums first seen in the week."""
        return sum(row.new_albums or 0 for row in self.days)

    @property
    def new_artists(self) -> int:
        """Artists first seen in the week."""
        return sum(row.new_artists or 0 for row in self.days)
