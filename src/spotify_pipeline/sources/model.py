"""A source as defined in sources.yml."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spotify_pipeline.spotify.endpoints import ENDPOINTS, TOP_LIST_DEFAULT, AppClass, RequestKind
from spotify_pipeline.spotify.source_kinds import SourceKind

__all__ = ["Source", "SourceKind"]

DEFAULT_INCLUDE_GROUPS = ("album", "single")
DEFAULT_TYPES = ("track",)
DEFAULT_MAX_RESULTS = {
    SourceKind.SEARCH: 100,
    SourceKind.TOP_TRACKS: TOP_LIST_DEFAULT,
    SourceKind.TOP_ARTISTS: TOP_LIST_DEFAULT,
}
DEFAULT_TIME_RANGES = ("short_term", "medium_term", "long_term")

# for estimates: the assumed numbers of an artist's releases, and of a user's or playlist's entries
RELEASES_PER_ARTIST = 25
ITEMS_PER_PLAYLIST = 100
SAVED_TRACKS = 500
FOLLOWED_ARTISTS = 100


@dataclass(frozen=True)
class Source:
    """A named entry of sources.yml; fields that its kind does not have are empty.

    Attributes:
        name: Its name, by which all its data is stored.
        kind: Kind of records that it lists.
        ids: 22 base62 characters each, in the order of the file.
        include_groups: Release groups of its artists.
        queries: Search texts.
        types: Record types that each search text is searched for.
        max_results: Most records per search text and type, or per range of time; 0 for other kinds.
        time_ranges: Ranges of time of top lists.
        user: Name of the user to whom it belongs; None for the one of connection `spotify_user`.
        line: Where the entry starts in sources.yml.
    """

    name: str
    kind: SourceKind
    ids: tuple[str, ...] = ()
    include_groups: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    max_results: int = 0
    time_ranges: tuple[str, ...] = ()
    user: str | None = None
    line: int = 0

    @property
    def definition_sha256(self) -> str:
        """Hash of the definition without the name; the order of entries does not matter."""
        meaning: dict[str, object] = {
            "kind": self.kind.value,
            "ids": sorted(self.ids),
            "include_groups": sorted(self.include_groups),
            "queries": sorted(self.queries),
            "types": sorted(self.types),
            "max_results": self.max_results,
        }
        if self.time_ranges:  # added later: hashes of sources without it stay the same
            meaning["time_ranges"] = sorted(self.time_ranges)
        if self.user is not None:
            meaning["user"] = self.user
        text = json.dumps(meaning, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def estimated_calls(self, app_class: AppClass) -> int:
        """Estimate the calls of a whole crawl, to balance the groups; it is not a limit."""
        return _ESTIMATES[self.kind](self, app_class)


def _pages(kind: RequestKind, records: int, app_class: AppClass) -> int:
    return math.ceil(records / ENDPOINTS[kind].page_size(app_class))


def _calls_of_artists(source: Source, app_class: AppClass) -> int:
    listing = _pages(RequestKind.ARTIST_ALBUMS, RELEASES_PER_ARTIST, app_class)
    return len(source.ids) * (1 + listing + RELEASES_PER_ARTIST)


def _calls_of_tracks(source: Source, app_class: AppClass) -> int:
    several = app_class in ENDPOINTS[RequestKind.TRACKS].app_classes
    return _pages(RequestKind.TRACKS, len(source.ids), app_class) if several else len(source.ids)


def _calls_of_playlists(source: Source, app_class: AppClass) -> int:
    pages = _pages(RequestKind.PLAYLIST_ITEMS, ITEMS_PER_PLAYLIST, app_class)
    # a playlist of several pages is requested again at its end
    return len(source.ids) * (1 + pages + (pages > 1))


def _calls_of_searches(source: Source, app_class: AppClass) -> int:
    pages = _pages(RequestKind.SEARCH, source.max_results, app_class)
    return len(source.queries) * len(source.types) * pages


def _calls_of_top_lists(source: Source, app_class: AppClass) -> int:
    (kind,) = source.kind.request_kinds
    return len(source.time_ranges) * _pages(kind, source.max_results or TOP_LIST_DEFAULT, app_class)


_ESTIMATES: Mapping[SourceKind, Callable[[Source, AppClass], int]] = {
    SourceKind.ARTIST: _calls_of_artists,
    SourceKind.ALBUM: lambda source, _: len(source.ids),
    SourceKind.TRACK: _calls_of_tracks,
    SourceKind.PLAYLIST: _calls_of_playlists,
    SourceKind.SEARCH: _calls_of_searches,
    SourceKind.SAVED_TRACKS: lambda _, app_class: _pages(RequestKind.SAVED_TRACKS, SAVED_TRACKS, app_class),
    SourceKind.TOP_TRACKS: _calls_of_top_lists,
    SourceKind.TOP_ARTISTS: _calls_of_top_lists,
    SourceKind.FOLLOWED_ARTISTS: lambda _, app_class: _pages(
        RequestKind.FOLLOWED_ARTISTS, FOLLOWED_ARTISTS, app_class
    ),
    SourceKind.RECENTLY_PLAYED: lambda *_: 1,
}
