"""Which walks a source of each kind consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from spotify_pipeline.sources.model import Source, SourceKind
from spotify_pipeline.spotify.endpoints import ENDPOINTS, RequestKind
from spotify_pipeline.spotify.session import CrawlSession, Trail
from spotify_pipeline.spotify.user_walks import (
    walk_playlist,
    walk_recently_played,
    walk_saved_tracks,
    walk_top_tracks,
)
from spotify_pipeline.spotify.walks import walk_album, walk_artist, walk_search, walk_track, walk_tracks

Walk = Callable[[Trail], None]


def walks_of(session: CrawlSession, source: Source, after_ms: int | None = None) -> list[Walk]:
    """What may go on side by side, in the order of the definition; `after_ms` is for recently_played."""
    if source.kind is SourceKind.RECENTLY_PLAYED:
        return [partial(walk_recently_played, session, after_ms)]
    return list(_WALKS[source.kind](session, source))


def _artists(session: CrawlSession, source: Source) -> Iterable[Walk]:
    groups = ",".join(source.include_groups)
    return (partial(walk_artist, session, artist_id, groups) for artist_id in source.ids)


def _albums(session: CrawlSession, source: Source) -> Iterable[Walk]:
    return (partial(walk_album, session, album_id) for album_id in source.ids)


def _tracks(session: CrawlSession, source: Source) -> Iterable[Walk]:
    several = ENDPOINTS[RequestKind.TRACKS]
    if session.client.app_class not in several.app_classes:
        return (partial(walk_track, session, track_id) for track_id in source.ids)
    size = several.page_size(session.client.app_class)
    starts = range(0, len(source.ids), size)
    return (partial(walk_tracks, session, source.ids[start : start + size]) for start in starts)


def _playlists(session: CrawlSession, source: Source) -> Iterable[Walk]:
    return (partial(walk_playlist, session, playlist_id) for playlist_id in source.ids)


def _searches(session: CrawlSession, source: Source) -> Iterable[Walk]:
    for query in source.queries:
        for record_type in source.types:
            yield partial(walk_search, session, query, record_type, source.max_results)


def _saved_tracks(session: CrawlSession, source: Source) -> Iterable[Walk]:
    return [partial(walk_saved_tracks, session)]


def _top_tracks(session: CrawlSession, source: Source) -> Iterable[Walk]:
    return (partial(walk_top_tracks, session, time_range) for time_range in source.time_ranges)


_WALKS: Mapping[SourceKind, Callable[[CrawlSession, Source], Iterable[Walk]]] = {
    SourceKind.ARTIST: _artists,
    SourceKind.ALBUM: _albums,
    SourceKind.TRACK: _tracks,
    SourceKind.PLAYLIST: _playlists,
    SourceKind.SEARCH: _searches,
    SourceKind.SAVED_TRACKS: _saved_tracks,
    SourceKind.TOP_TRACKS: _top_tracks,
}
