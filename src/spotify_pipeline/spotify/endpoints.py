"""Endpoints that the pipeline calls, their page sizes by class of app, and the identity of a request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from spotify_pipeline.buckets import Bucket

ID_PATTERN = re.compile(r"[0-9A-Za-z]{22}")
"""A Spotify id: 22 base62 characters."""

OWN_PLAYLIST_PREFIX = "37i9dQ"
"""Start of the ids of Spotify's own playlists, which apps may not read since November 2024."""

TOP_LIST_DEFAULT = 50
"""Entries read of a top list whose source names no number; an account can have thousands."""

SEARCH_TEXT_MAX = 250
"""Characters of a search text; /search refuses longer ones with 400 or 404."""

SEARCH_TEXT_SAFE = 100
"""Characters of a search text that /search has always accepted."""

_PATH = re.compile(r"(?:/[0-9A-Za-z_~-]+)+")


class AppClass(StrEnum):
    """Class of a Spotify app: Development Mode (every new app) or Extended quota (organisations)."""

    DEVELOPMENT = "development"
    EXTENDED = "extended"


class RequestKind(StrEnum):
    """Kind of content of a response; the first part of a raw object's name."""

    ARTIST = "artist"
    ARTIST_ALBUMS = "artist_albums"
    ALBUM = "album"
    ALBUM_TRACKS = "album_tracks"
    TRACK = "track"
    TRACKS = "tracks"
    SEARCH = "search"
    PLAYLIST = "playlist"
    PLAYLIST_ITEMS = "playlist_items"
    SAVED_TRACKS = "saved_tracks"
    TOP_TRACKS = "top_tracks"
    TOP_ARTISTS = "top_artists"
    FOLLOWED_ARTISTS = "followed_artists"
    RECENTLY_PLAYED = "recently_played"


class Scope(StrEnum):
    """Permissions that a user gives an app, as Spotify names them."""

    PLAYLISTS = "playlist-read-private"
    SHARED_PLAYLISTS = "playlist-read-collaborative"
    LIBRARY = "user-library-read"
    TOP = "user-top-read"
    FOLLOWED = "user-follow-read"
    RECENTLY_PLAYED = "user-read-recently-played"


@dataclass(frozen=True)
class Endpoint:
    """One call of the Web API.

    Attributes:
        kind: Kind of its response.
        bucket: Its rate-limit bucket, which names the method and the path template.
        page_sizes: Largest page by class of app; None if it has no pages.
        scopes: Permissions of a user that it needs; None if the app's own token is enough.
        app_classes: Classes of app that may call it.
    """

    kind: RequestKind
    bucket: Bucket
    page_sizes: Mapping[AppClass, int] | None = None
    scopes: tuple[Scope, ...] | None = None
    app_classes: frozenset[AppClass] = frozenset(AppClass)

    def path(self, record_id: str = "") -> str:
        """Return the path below the API's address, for example `/artists/0TnOYISbd1XYRBk9myaseg`."""
        return self.bucket.removeprefix("GET ").replace("{id}", record_id)

    def page_size(self, app_class: AppClass) -> int:
        """Return the greatest page size for a class of app; 1 if the endpoint has no pages."""
        return 1 if self.page_sizes is None else self.page_sizes[app_class]


def _sizes(development: int, extended: int) -> Mapping[AppClass, int]:
    return {AppClass.DEVELOPMENT: development, AppClass.EXTENDED: extended}


_PLAYLISTS = (Scope.PLAYLISTS, Scope.SHARED_PLAYLISTS)

ENDPOINTS: Mapping[RequestKind, Endpoint] = {
    endpoint.kind: endpoint
    for endpoint in (
        Endpoint(RequestKind.ARTIST, Bucket.ARTIST),
        Endpoint(RequestKind.ARTIST_ALBUMS, Bucket.ARTIST_ALBUMS, _sizes(10, 50)),
        Endpoint(RequestKind.ALBUM, Bucket.ALBUM),
        Endpoint(RequestKind.ALBUM_TRACKS, Bucket.ALBUM_TRACKS, _sizes(50, 50)),
        Endpoint(RequestKind.TRACK, Bucket.TRACK),
        Endpoint(
            RequestKind.TRACKS, Bucket.TRACKS, _sizes(50, 50), app_classes=frozenset({AppClass.EXTENDED})
        ),
        Endpoint(RequestKind.SEARCH, Bucket.SEARCH, _sizes(10, 50)),
        Endpoint(RequestKind.PLAYLIST, Bucket.PLAYLIST, scopes=_PLAYLISTS),
        Endpoint(RequestKind.PLAYLIST_ITEMS, Bucket.PLAYLIST_ITEMS, _sizes(50, 50), scopes=_PLAYLISTS),
        Endpoint(RequestKind.SAVED_TRACKS, Bucket.SAVED_TRACKS, _sizes(50, 50), scopes=(Scope.LIBRARY,)),
        Endpoint(RequestKind.TOP_TRACKS, Bucket.TOP_TRACKS, _sizes(50, 50), scopes=(Scope.TOP,)),
        Endpoint(RequestKind.TOP_ARTISTS, Bucket.TOP_ARTISTS, _sizes(50, 50), scopes=(Scope.TOP,)),
        Endpoint(
            RequestKind.FOLLOWED_ARTISTS, Bucket.FOLLOWED_ARTISTS, _sizes(50, 50), scopes=(Scope.FOLLOWED,)
        ),
        Endpoint(
            RequestKind.RECENTLY_PLAYED,
            Bucket.RECENTLY_PLAYED,
            _sizes(50, 50),
            scopes=(Scope.RECENTLY_PLAYED,),
        ),
    )
}


def bucket_of(method: str, path: str) -> str:
    """Return the rate-limit bucket of a call: the method, and the path with `{id}` for ids."""
    segments = ("{id}" if ID_PATTERN.fullmatch(segment) else segment for segment in path.split("/"))
    return f"{method} {'/'.join(segments)}"


def is_plain_path(path: str) -> bool:
    """Return whether a path has only plain segments: no dots, escapes, queries or empty parts."""
    return _PATH.fullmatch(path) is not None


@dataclass(frozen=True)
class Request:
    """Identity of one raw object: the same method, path, query and reading give the same object.

    Attributes:
        kind: Kind of the response.
        method: HTTP method.
        path: Path below the API's address.
        params: Sorted pairs of the query.
        requested_id: The requested id, since Spotify may return another one (relinking); None for a search,
            several tracks at once, and lists of the user.
        reading: Greater than 1 if a page is requested again in one crawl, because it contradicts others.
    """

    kind: RequestKind
    method: str
    path: str
    params: tuple[tuple[str, str], ...]
    requested_id: str | None
    reading: int = 1

    @classmethod
    def get(
        cls,
        kind: RequestKind,
        path: str,
        params: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        requested_id: str | None = None,
        reading: int = 1,
    ) -> Request:
        """Make a GET with its query in sorted order."""
        pairs = params.items() if isinstance(params, Mapping) else params
        return cls(kind, "GET", path, tuple(sorted(pairs)), requested_id, reading)

    @property
    def target(self) -> str:
        """Path and sorted query, for example `/search?limit=10&q=jazz&type=track`."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path

    @property
    def bucket(self) -> str:
        """Rate-limit bucket that the call counts in."""
        return bucket_of(self.method, self.path)
