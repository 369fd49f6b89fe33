"""Kinds of source, and the fields of a source that a crawl needs."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from spotify_pipeline.spotify.endpoints import ENDPOINTS, RequestKind, Scope


class SourceKind(StrEnum):
    """Kind of records that a source lists."""

    ARTIST = "artist"
    ALBUM = "album"
    TRACK = "track"
    PLAYLIST = "playlist"
    SEARCH = "search"
    SAVED_TRACKS = "saved_tracks"
    TOP_TRACKS = "top_tracks"
    TOP_ARTISTS = "top_artists"
    FOLLOWED_ARTISTS = "followed_artists"
    RECENTLY_PLAYED = "recently_played"

    @property
    def lists_ids(self) -> bool:
        """Whether its sources name records by id."""
        return self in {SourceKind.ARTIST, SourceKind.ALBUM, SourceKind.TRACK, SourceKind.PLAYLIST}

    @property
    def is_top_list(self) -> bool:
        """Whether its sources name ranges of time, each with a ranked list."""
        return self in {SourceKind.TOP_TRACKS, SourceKind.TOP_ARTISTS}

    @property
    def request_kinds(self) -> tuple[RequestKind, ...]:
        """The calls that every crawl of this kind makes."""
        return _REQUEST_KINDS[self]

    @property
    def scopes(self) -> tuple[Scope, ...] | None:
        """Permissions of a user that it needs; None if the app's own token is enough."""
        needed = [ENDPOINTS[kind].scopes for kind in self.request_kinds]
        if all(scopes is None for scopes in needed):
            return None
        return tuple(dict.fromkeys(scope for scopes in needed for scope in scopes or ()))

    @property
    def needs_login(self) -> bool:
        """Whether it reads data of a user."""
        return self.scopes is not None


_REQUEST_KINDS = {
    SourceKind.ARTIST: (RequestKind.ARTIST, RequestKind.ARTIST_ALBUMS, RequestKind.ALBUM),
    SourceKind.ALBUM: (RequestKind.ALBUM,),
    SourceKind.TRACK: (RequestKind.TRACK,),
    SourceKind.PLAYLIST: (RequestKind.PLAYLIST, RequestKind.PLAYLIST_ITEMS),
    SourceKind.SEARCH: (RequestKind.SEARCH,),
    SourceKind.SAVED_TRACKS: (RequestKind.SAVED_TRACKS,),
    SourceKind.TOP_TRACKS: (RequestKind.TOP_TRACKS,),
    SourceKind.TOP_ARTISTS: (RequestKind.TOP_ARTISTS,),
    SourceKind.FOLLOWED_ARTISTS: (RequestKind.FOLLOWED_ARTISTS,),
    SourceKind.RECENTLY_PLAYED: (RequestKind.RECENTLY_PLAYED,),
}


class CrawlSource(Protocol):
    """Fields of a source that a crawl needs; those that its kind does not have are empty.

    `sources.Source` has these fields; this package does not import it.
    """

    @property
    def name(self) -> str:
        """Name, for the log."""

    @property
    def kind(self) -> SourceKind:
        """Kind of the source."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of 22 base62 characters: artists, albums, tracks or playlists."""

    @property
    def include_groups(self) -> tuple[str, ...]:
        """Release groups of an artist that are listed."""

    @property
    def queries(self) -> tuple[str, ...]:
        """Search texts."""

    @property
    def types(self) -> tuple[str, ...]:
        """Record types that each search text is searched for."""

    @property
    def max_results(self) -> int:
        """Most records read per search text and type, or per range of time."""

    @property
    def time_ranges(self) -> tuple[str, ...]:
        """Ranges of time of top lists."""
