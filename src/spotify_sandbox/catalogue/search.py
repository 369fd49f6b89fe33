"""Searches names, with the field filters of GET /search."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from spotify_sandbox.catalogue.catalog import Album, Artist, Catalog, Track
from spotify_sandbox.responses import ApiError

T = TypeVar("T", Artist, Album, Track)
_NEW_FOR = timedelta(days=14)
_FIELDS = ("album", "artist", "track", "year", "upc", "isrc", "genre", "tag")
_NAME_FIELDS = ("album", "artist", "track", "genre")
_TERM = re.compile(
    rf'(?:(?P<field>{"|".join(_FIELDS)}):)?(?:"(?P<phrase>[^"]*)"|(?P<word>\S+))', re.IGNORECASE
)
_YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?\Z")


def folded(text: str) -> str:
    """Return the text without case and diacritics, as names are compared."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@dataclass(frozen=True, slots=True)
class Query:
    """A search query: terms, and terms by field; all of them must match."""

    terms: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Parse a query such as `artist:"two words" year:1990-1999 term`.

        As at Spotify, the value of a field ends at the next field: `artist:two words` is one value.

        Raises:
            ApiError: 400 for an empty query.
        """
        terms: list[str] = []
        fields: list[tuple[str, str]] = []
        open_field = False
        for match in _TERM.finditer(text):
            value = folded(match["phrase"] if match["phrase"] is not None else match["word"]).strip()
            if match["field"]:
                field = match["field"].lower()
                fields.append((field, value))
                open_field = match["phrase"] is None and field in _NAME_FIELDS
            elif open_field and match["phrase"] is None:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]} {value}")
            elif value:
                terms.append(value)
                open_field = False
        if not terms and not fields:
            raise ApiError(400, "No search query")
        return cls(tuple(terms), tuple(fields))


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    record: T
    name: str
    haystack: str
    values: dict[str, str]
    released: str


class SearchIndex:
    """Index over the names of one catalogue, built by the first search of each kind of record."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._artists: list[_Entry[Artist]] | None = None
        self._albums: list[_Entry[Album]] | None = None
        self._tracks: list[_Entry[Track]] | None = None

    def artists(self, query: Query) -> list[Artist]:
        """Return artists that match, exact names first."""
        if self._artists is None:
            self._artists = [self._artist_entry(artist) for artist in self._catalog.artists()]
        return self._matching(self._artists, query)

    def albums(self, query: Query) -> list[Album]:
        """Return albums that match by name or artist, exact names first."""
        if self._albums is None:
            self._albums = [self._album_entry(album) for album in self._catalog.albums()]
        return self._matching(self._albums, query)

    def tracks(self, query: Query) -> list[Track]:
        """Return tracks that match by name, album or artist, exact names first."""
        if self._tracks is None:
            self._tracks = [self._track_entry(track) for track in self._catalog.tracks()]
        return self._matching(self._tracks, query)

    def _matching(self, entries: Iterable[_Entry[T]], query: Query) -> list[T]:
        found = [entry for entry in entries if self._matches(entry, query)]
        text = " ".join(query.terms)
        found.sort(key=lambda entry: (entry.name != text, not entry.name.startswith(text)))
        return [entry.record for entry in found]

    def _matches(self, entry: _Entry[T], query: Query) -> bool:
        return all(term in entry.haystack for term in query.terms) and all(
            self._field_matches(entry, field, value) for field, value in query.fields
        )

    def _field_matches(self, entry: _Entry[T], field: str, value: str) -> bool:
        if field == "year":
            years = _YEARS.match(value)
            return years is not None and years[1] <= entry.released[:4] <= (years[2] or years[1])
        if field == "tag":
            last = self._catalog.served_date
            return value == "new" and str(last - _NEW_FOR) <= entry.released <= str(last)
        return value in entry.values.get(field, "")

    def _names(self, artist_ids: Iterable[str]) -> str:
        found = (self._catalog.artist(artist_id) for artist_id in artist_ids)
        return " ".join(folded(artist.name) for artist in found if artist)

    def _artist_entry(self, artist: Artist) -> _Entry[Artist]:
        name = folded(artist.name)
        genres = folded(" ".join(artist.genres))
        return _Entry(artist, name, name, {"artist": name, "genre": genres}, "")

    def _album_entry(self, album: Album) -> _Entry[Album]:
        name, artists = folded(album.name), self._names(album.artist_ids)
        values = {"album": name, "artist": artists, "upc": album.upc or ""}
        return _Entry(album, name, f"{name} {artists}", values, album.release_date)

    def _track_entry(self, track: Track) -> _Entry[Track]:
        album = self._catalog.album(track.album_id)
        name, artists = folded(track.name), self._names(track.artist_ids)
        album_name = folded(album.name) if album else ""
        isrc = (track.isrc or "").replace("-", "").lower()
        values = {"track": name, "artist": artists, "album": album_name, "isrc": isrc}
        released = album.release_date if album else ""
        return _Entry(track, name, f"{name} {artists} {album_name}", values, released)
