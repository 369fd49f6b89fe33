"""Rate-limit buckets: Spotify limits the calls to each endpoint separately."""

from __future__ import annotations

from enum import StrEnum

TOTAL = "total"
"""In a call budget: all buckets together."""

WINDOW_SECONDS = 30.0
"""Length of Spotify's rolling rate-limit window."""


class Bucket(StrEnum):
    """The endpoints that this pipeline reads, named by method and path template."""

    ARTIST = "GET /artists/{id}"
    ARTIST_ALBUMS = "GET /artists/{id}/albums"
    ALBUM = "GET /albums/{id}"
    ALBUM_TRACKS = "GET /albums/{id}/tracks"
    TRACK = "GET /tracks/{id}"
    TRACKS = "GET /tracks"
    SEARCH = "GET /search"
    PLAYLIST = "GET /playlists/{id}"
    PLAYLIST_ITEMS = "GET /playlists/{id}/items"
    SAVED_TRACKS = "GET /me/tracks"
    TOP_TRACKS = "GET /me/top/tracks"
    TOP_ARTISTS = "GET /me/top/artists"
    FOLLOWED_ARTISTS = "GET /me/following"
    RECENTLY_PLAYED = "GET /me/player/recently-played"
