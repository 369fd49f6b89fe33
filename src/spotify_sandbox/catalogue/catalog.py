"""Records and interface of a catalogue, and a catalogue in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from typing import Protocol

# "available everywhere"; Spotify's list has about 185 codes, which would only make bodies longer
DEFAULT_MARKETS = (
    "AR", "AT", "AU", "BE", "BR", "CA", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "JP", "MX",
    "NL", "NO", "NZ", "PL", "PT", "SE", "US",
)  # fmt: skip
ALBUM_GROUPS = ("album", "single", "compilation", "appears_on")


class CatalogError(Exception):
    """A catalogue cannot be read; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Artist:
    """An artist; popularity (0 to 100) and followers are None if unknown."""

    id: str
    name: str
    genres: tuple[str, ...] = ()
    popularity: int | None = None
    followers: int | None = None
    image_url: str | None = None


@dataclass(frozen=True, slots=True)
class Album:
    """An album; `total_tracks` may be greater than the number of tracks that can be listed."""

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
    """A track of one album; the duration is in milliseconds."""

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
    """Number of records of each kind."""

    artists: int
    albums: int
    tracks: int


class Catalog(Protocol):
    """The state of a catalogue on one date."""

    @property
    def served_date(self) -> date:
        """Date of this state."""

    def artist(self, artist_id: str) -> Artist | None:
        """Return the artist with this id, or None."""

    def album(self, album_id: str) -> Album | None:
        """Return the album with this id if it is released, else None."""

    def track(self, track_id: str) -> Track | None:
        """Return the track with this id if its album is released, else None."""

    def artist_albums(self, artist_id: str) -> Sequence[tuple[str, Album]]:
        """Return (album group, album): groups in the order of ALBUM_GROUPS, newest first in each."""

    def album_tracks(self, album_id: str) -> Sequence[Track]:
        """Return the tracks of an album in order of disc and number."""

    def same_recording(self, track_id: str) -> Sequence[Track]:
        """Return all tracks of the same recording, including this one; empty for an unknown id."""

    def artists(self) -> Iterable[Artist]:
        """Return all artists in a stable order."""

    def albums(self) -> Iterable[Album]:
        """Return all albums in a stable order."""

    def tracks(self) -> Iterable[Track]:
        """Return all tracks in a stable order."""

    def counts(self) -> Counts:
        """Return the number of records of each kind."""


class CatalogSource(Protocol):
    """Source of the catalogue of any date; a date does not need the dates before it."""

    @property
    def first_day(self) -> date:
        """Day of the catalogue from which the libraries of the users are chosen."""

    def on(self, day: date) -> Catalog:
        """Return the catalogue of a date.

        Raises:
            CatalogError: it cannot be read.
        """


class IndexedCatalog:
    """A catalogue of one date in memory: records by id, albums by artist, tracks by album."""

    def __init__(
        self,
        served_date: date,
        artists: Mapping[str, Artist],
        albums: Mapping[str, Album],
        tracks: Mapping[str, Track],
    ) -> None:
        self._served_date = served_date
        self._tracks = tracks
        self._album_tracks: dict[str, list[Track]] = defaultdict(list)
        self._by_isrc: dict[str, list[Track]] = defaultdict(list)
        for track in tracks.values():
            self._album_tracks[track.album_id].append(track)
            if track.isrc:
                self._by_isrc[_normalised(track.isrc)].append(track)
        for listed in self._album_tracks.values():
            listed.sort(key=lambda track: (track.disc_number, track.track_number))  # stable: file order last
        self._albums = {album_id: self._completed(album) for album_id, album in albums.items()}
        self._artists = dict(artists)
        self._add_unlisted_artists()
        self._artist_albums = self._index_artist_albums()

    @property
    def served_date(self) -> date:
        """Date of this state."""
        return self._served_date

    def artist(self, artist_id: str) -> Artist | None:
        """Return the artist with this id, or None."""
        return self._artists.get(artist_id)

    def album(self, album_id: str) -> Album | None:
        """Return the album with this id, or None."""
        return self._albums.get(album_id)

    def track(self, track_id: str) -> Track | None:
        """Return the track with this id, or None."""
        return self._tracks.get(track_id)

    def artist_albums(self, artist_id: str) -> Sequence[tuple[str, Album]]:
        """Return (album group, album): groups in the order of ALBUM_GROUPS, newest first in each."""
        return self._artist_albums.get(artist_id, ())

    def album_tracks(self, album_id: str) -> Sequence[Track]:
        """Return the tracks of an album by disc and number, then in file order."""
        return self._album_tracks.get(album_id, ())

    def same_recording(self, track_id: str) -> Sequence[Track]:
        """Return the tracks with the same ISRC in file order; only this track if it has none."""
        track = self._tracks.get(track_id)
        if track is None:
            return ()
        return self._by_isrc[_normalised(track.isrc)] if track.isrc else (track,)

    def artists(self) -> Iterable[Artist]:
        """Return all artists in file order."""
        return self._artists.values()

    def albums(self) -> Iterable[Album]:
        """Return all albums in file order."""
        return self._albums.values()

    def tracks(self) -> Iterable[Track]:
        """Return all tracks in file order."""
        return self._tracks.values()

    def counts(self) -> Counts:
        """Return the number of records of each kind."""
        return Counts(len(self._artists), len(self._albums), len(self._tracks))

    def _completed(self, album: Album) -> Album:
        """Fill fields that the API always gives; the default popularity is the mean of the tracks."""
        listed = self._album_tracks.get(album.id, [])
        known = [track.popularity for track in listed if track.popularity is not None]
        popularity = album.popularity
        if popularity is None and known:
            popularity = round(sum(known) / len(known))
        return replace(album, popularity=popularity, total_tracks=album.total_tracks or len(listed))

    def _add_unlisted_artists(self) -> None:
        """Add artists that only albums or tracks mention, with the id as name."""
        albums = (album.artist_ids for album in self._albums.values())
        tracks = (track.artist_ids for track in self._tracks.values())
        for artist_id in chain.from_iterable(chain(albums, tracks)):
            if artist_id not in self._artists:
                self._artists[artist_id] = Artist(artist_id, artist_id)

    def _index_artist_albums(self) -> dict[str, list[tuple[str, Album]]]:
        index: dict[str, dict[str, tuple[str, Album]]] = defaultdict(dict)
        for album in self._albums.values():
            for artist_id in album.artist_ids:
                index[artist_id][album.id] = (album.album_type, album)
        for track in self._tracks.values():
            for artist_id in track.artist_ids:
                index[artist_id].setdefault(track.album_id, ("appears_on", self._albums[track.album_id]))
        return {artist_id: in_api_order(listed.values()) for artist_id, listed in index.items()}


def in_api_order(listed: Iterable[tuple[str, Album]]) -> list[tuple[str, Album]]:
    """Sort albums of an artist as the API does: by group, newest first, then by id."""
    newest_first = sorted(listed, key=lambda entry: (entry[1].release_date, entry[1].id), reverse=True)
    return sorted(newest_first, key=lambda entry: ALBUM_GROUPS.index(entry[0]))


def _normalised(isrc: str) -> str:
    return isrc.replace("-", "").upper()
