"""Reads catalogues from DIR/<YYYY-MM-DD>/{artists,albums,tracks}.jsonl; docs/sandbox.md has the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import orjson

from spotify_sandbox.catalogue.catalog import (
    ALBUM_GROUPS,
    DEFAULT_MARKETS,
    Album,
    Artist,
    CatalogError,
    IndexedCatalog,
    Track,
)
from spotify_sandbox.ids import is_id

R = TypeVar("R", Artist, Album, Track)
_PRECISION_BY_LENGTH = {4: "year", 7: "month", 10: "day"}
_KINDS = {int: "a whole number", str: "a text", bool: "true or false", list: "a list of texts"}


class FolderSource:
    """Serves the newest dated folder that is not after the requested date, else the oldest."""

    def __init__(self, folder: Path) -> None:
        """Find the dated folders.

        Raises:
            CatalogError: there is none.
        """
        self._folder = folder
        self._dates = sorted(_dates_in(folder))
        if not self._dates:
            raise CatalogError(
                f"{folder}: no folder named YYYY-MM-DD with artists.jsonl, albums.jsonl, tracks.jsonl"
            )
        self._loaded: IndexedCatalog | None = None

    @property
    def first_day(self) -> date:
        """Oldest date of the folder."""
        return self._dates[0]

    def on(self, day: date) -> IndexedCatalog:
        """Return the catalogue of a date; the last one is cached."""
        served = max((known for known in self._dates if known <= day), default=self._dates[0])
        if self._loaded is None or self._loaded.served_date != served:
            self._loaded = load_folder(self._folder / served.isoformat(), served)
        return self._loaded


def load_folder(folder: Path, served_date: date) -> IndexedCatalog:
    """Read one dated folder.

    Raises:
        CatalogError: a line cannot be used; the message names file and line.
    """
    artists = _read(folder / "artists.jsonl", _artist)
    albums = _read(folder / "albums.jsonl", _album)
    album_artists = {album_id: album.artist_ids for album_id, album in albums.items()}

    def track(line: _Line) -> Track:
        return _track(line, album_artists)

    return IndexedCatalog(served_date, artists, albums, _read(folder / "tracks.jsonl", track))


def _dates_in(folder: Path) -> Iterator[date]:
    if not folder.is_dir():
        raise CatalogError(f"{folder}: no such folder; --catalog takes a folder of folders named YYYY-MM-DD")
    for child in folder.iterdir():
        try:
            day = date.fromisoformat(child.name)
        except ValueError:
            continue
        if child.is_dir():
            yield day


class _Line:
    """One JSON object of a catalogue file; every error names the file and the line."""

    def __init__(self, path: Path, number: int, text: bytes) -> None:
        self._where = f"{path} line {number}"
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise self.error(f"not JSON: {error}") from error
        if not isinstance(value, dict):
            raise self.error("not a JSON object")
        self._value: dict[str, Any] = value

    def error(self, message: str) -> CatalogError:
        return CatalogError(f"{self._where}: {message}")

    def optional(self, key: str, kind: type) -> Any:
        value = self._value.get(key)
        if value is None:
            return None
        if kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)  # tables exported with gaps write whole numbers as 57.0
        if kind is list:
            fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        else:  # bool is an int to Python, not to JSON
            fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not fits:
            raise self.error(f"{key} is not {_KINDS[kind]}")
        return value

    def required(self, key: str, kind: type) -> Any:
        value = self.optional(key, kind)
        if value is None:
            raise self.error(f"{key} is missing")
        return value

    def identifier(self, key: str) -> str:
        text: str = self.required(key, str)
        if not is_id(text):
            raise self.error(f"{key} {text!r} is not 22 base62 characters")
        return text

    def identifiers(self, key: str) -> tuple[str, ...]:
        ids = tuple(self.optional(key, list) or ())
        for text in ids:
            if not is_id(text):
                raise self.error(f"{key} holds {text!r}, which is not 22 base62 characters")
        return ids

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self.optional(key, list)
        return default if value is None else tuple(value)


def _read(path: Path, build: Callable[[_Line], R]) -> dict[str, R]:
    records: dict[str, R] = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError as error:
        raise CatalogError(f"{path}: no such file") from error
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        line = _Line(path, number, text)
        record = build(line)
        if record.id in records:
            raise line.error(f"id {record.id} occurs twice")
        records[record.id] = record
    return records


def _artist(line: _Line) -> Artist:
    return Artist(
        id=line.identifier("id"),
        name=line.required("name", str),
        genres=line.texts("genres"),
        popularity=line.optional("popularity", int),
        followers=line.optional("followers", int),
        image_url=line.optional("image_url", str),
    )


def _album(line: _Line) -> Album:
    released = line.optional("release_date", str) or "0000"  # as the API returns an unknown date
    given: str | None = line.optional("release_date_precision", str)
    precision = given or _PRECISION_BY_LENGTH.get(len(released), "")
    if precision not in _PRECISION_BY_LENGTH.values():
        raise line.error(f"release_date {released!r} has no precision of year, month or day")
    total = line.optional("total_tracks", int) or 0
    album_type = (line.optional("album_type", str) or ("single" if 0 < total <= 3 else "album")).lower()
    if album_type not in ALBUM_GROUPS[:3]:
        raise line.error(f"album_type {album_type!r} is none of album, single, compilation")
    return Album(
        id=line.identifier("id"),
        name=line.required("name", str),
        artist_ids=line.identifiers("artist_ids"),
        album_type=album_type,
        release_date=released,
        release_date_precision=precision,
        total_tracks=total,
        image_url=line.optional("image_url", str),
        label=line.optional("label", str) or "",
        upc=line.optional("upc", str),
        popularity=line.optional("popularity", int),
        markets=line.texts("markets", DEFAULT_MARKETS),
        genres=line.texts("genres"),
    )


def _track(line: _Line, album_artists: dict[str, tuple[str, ...]]) -> Track:
    album_id = line.identifier("album_id")
    if album_id not in album_artists:
        raise line.error(f"album_id {album_id} has no line in albums.jsonl")
    return Track(
        id=line.identifier("id"),
        name=line.required("name", str),
        album_id=album_id,
        artist_ids=line.identifiers("artist_ids") or album_artists[album_id],
        track_number=line.optional("track_number", int) or 1,
        disc_number=line.optional("disc_number", int) or 1,
        duration_ms=line.optional("duration_ms", int) or 0,
        explicit=bool(line.optional("explicit", bool)),
        isrc=line.optional("isrc", str),
        popularity=line.optional("popularity", int),
        preview_url=line.optional("preview_url", str),
        markets=line.texts("markets", DEFAULT_MARKETS),
    )
