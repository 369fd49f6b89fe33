"""What a catalogue holds, and what the API asks of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

# Stands for "available everywhere"; the real list has about 185 codes and would only make bodies longer.
DEFAULT_MARKETS = (
    "AR", "AT", "AU", "BE", "BR", "CA", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "JP", "MX",
    "NL", "NO", "NZ", "PL", "PT", "SE", "US",
)  # fmt: skip
ALBUM_GROUPS = ("album", "single", "compilation", "appears_on")


class CatalogError(Exception):
    """A catalogue cannot be served; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Artist:
    """One artist. popularity (0 to 100) and followers are None where the catalogue does not know them."""

    id: str
    name: str
    genres: tuple[str, ...] = ()
    popularity: int | None = None
    followers: int | None = None
    image_url: str | None = None


@dataclass(frozen=True, slots=True)
class Album:
    """One album. `total_tracks` is what the album claims; it can exceed the tracks that can be listed."""

    id: str
    name: str
    artist_ids: tuple[str, ...]
    album_type: str
    release_date: str
    release_date_precision: str
    total_tracks: int
    image_url: str | None = None
    label: str = ""
    upc: str | None = None
    popularity: int | None = None
    markets: tuple[str, ...] = DEFAULT_MARKETS
    genres: tuple[str, ...] = ()
    copyrights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """One track of one album; duration in milliseconds."""

    id: str
    name: str
    album_id: str
    artist_ids: tuple[str, ...]
    track_number: int
    disc_number: int
    duration_ms: int
    explicit: bool
    isrc: str | None = None
    popularity: int | None = None
    preview_url: str | None = None
    markets: tuple[str, ...] = DEFAULT_MARKETS


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records of each kind a catalogue serves on its date."""

    artists: int
    albums: int
    tracks: int


class Catalog(Protocol):
    """The state of a catalogue on one date."""

    @property
    def served_date(self) -> date:
        """The date whose state this is."""

    def artist(self, artist_id: str) -> Artist | None:
        """The artist with this id, if there is one."""

    def album(self, album_id: str) -> Album | None:
        """The album with this id, if it is out."""

    def track(self, track_id: str) -> Track | None:
        """The track with this id, if its album is out."""

    def artist_albums(self, artist_id: str) -> Sequence[tuple[str, Album]]:
        """(album group, album) of the artist: groups in the order of ALBUM_GROUPS, newest first in each."""

    def album_tracks(self, album_id: str) -> Sequence[Track]:
        """The album's tracks in order of disc and number."""

    def same_recording(self, track_id: str) -> Sequence[Track]:
        """Every track of the recording that this track is of, itself included; empty for an unknown id."""

    def artists(self) -> Iterable[Artist]:
        """Every artist, in a stable order."""

    def albums(self) -> Iterable[Album]:
        """Every album, in a stable order."""

    def tracks(self) -> Iterable[Track]:
        """Every track, in a stable order."""

    def counts(self) -> Counts:
        """How many of each there are."""


class CatalogSource(Protocol):
    """Gives the catalogue of any date; day D never needs the days before it."""

    @property
    def first_day(self) -> date:
        """A day whose catalogue the later ones go on from: users' libraries are chosen from it."""

    def on(self, day: date) -> Catalog:
        """The catalogue served on this date. Raises CatalogError when it cannot be read."""
