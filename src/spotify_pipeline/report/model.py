"""Rows of the report. Dates are UTC; names of durations contain their unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Totals:
    """Totals of the catalogue up to the partition, and records first seen since date `previous`."""

    tracks: int
    albums: int
    artists: int
    playing_ms: int
    new_tracks: int
    new_albums: int
    new_artists: int
    previous: date | None


@dataclass(frozen=True)
class GrowthDay:
    """One partition of the catalogue's history; `tracks_known` counts all tracks first seen up to it.

    `tracks_crawled` counts the tracks that the day's crawl read; None if that is no longer known.
    """

    observed_on: date
    tracks_crawled: int | None
    new_tracks: int
    new_albums: int
    new_artists: int
    tracks_known: int


@dataclass(frozen=True)
class YearCount:
    """Albums released in one year, by album type."""

    release_year: int
    album_type: str
    albums: int


@dataclass(frozen=True)
class Bin:
    """One bar of a histogram: values from `lower` to below the next bar."""

    lower: int
    count: int


@dataclass(frozen=True)
class ArtistRow:
    """An artist with the numbers of tracks and albums that credit the artist."""

    artist_id: str
    artist_name: str | None
    spotify_url: str | None
    primary_genre: str | None
    tracks: int
    albums: int


@dataclass(frozen=True)
class ReleaseRow:
    """An album, newest release first."""

    album_id: str
    album_name: str | None
    spotify_url: str | None
    artist_name: str | None
    artist_url: str | None
    album_type: str | None
    release_date: date
    release_date_precision: str | None
    total_tracks: int | None
    first_seen_on: date


@dataclass(frozen=True)
class MoverRow:
    """A track whose popularity (0-100) changed in the seven days up to the page's date."""

    track_id: str
    track_name: str | None
    spotify_url: str | None
    artist_names: str | None
    popularity: int
    change: int


@dataclass(frozen=True)
class Coverage:
    """Number of tracks that the listed albums claim to have, and of those that are known."""

    claimed: int = 0
    known: int = 0

    @property
    def is_short(self) -> bool:
        """Whether tracks are missing."""
        return self.known < self.claimed


@dataclass(frozen=True)
class SourceRow:
    """Counts of one source and record kind; the four parts add up to `fetched`."""

    source: str
    record_kind: str
    fetched: int
    loaded: int
    quarantined: int
    duplicates: int
    set_aside: int
    is_complete: bool
    status: str
    message: str | None

    @property
    def adds_up(self) -> bool:
        """Whether every record that was fetched is accounted for."""
        return self.fetched == self.loaded + self.quarantined + self.duplicates + self.set_aside


@dataclass(frozen=True)
class DriftRow:
    """A field that is new to the contract, or gone since the previous partition."""

    source: str
    record_kind: str
    change: str
    field: str
    records: int
    of_records: int


@dataclass(frozen=True)
class ReportData:
    """All data of one page. Equal warehouse contents give equal data."""

    partition: date
    tests_passed: int | None
    totals: Totals
    growth: list[GrowthDay] = field(default_factory=list)
    release_years: list[YearCount] = field(default_factory=list)
    durations: list[Bin] = field(default_factory=list)
    popularity: list[Bin] = field(default_factory=list)
    artists: list[ArtistRow] = field(default_factory=list)
    releases: list[ReleaseRow] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)
    movers: list[MoverRow] = field(default_factory=list)
    sources: list[SourceRow] = field(default_factory=list)
    plays_missing: bool = False
    drift: list[DriftRow] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is no record up to the partition."""
        return not (self.totals.tracks or self.totals.albums or self.totals.artists)
