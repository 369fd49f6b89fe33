"""The walk of each kind of source: its sequence of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from spotify_pipeline.contract.list_pages import total_of
from spotify_pipeline.errors import ApiUnavailable, NotFound, PermissionDenied, RequestRefused
from spotify_pipeline.spotify.endpoints import (
    ENDPOINTS,
    SEARCH_TEXT_MAX,
    SEARCH_TEXT_SAFE,
    TOP_LIST_DEFAULT,
    Request,
    RequestKind,
)
from spotify_pipeline.spotify.paging import (
    albums,
    following_request,
    is_page,
    member,
    next_of,
    next_start,
    play_times,
    walk_list,
    walk_rest,
)
from spotify_pipeline.spotify.playlist_walk import walk_playlist
from spotify_pipeline.spotify.result import Plays, unix_ms
from spotify_pipeline.spotify.session import (
    CrawlSession,
    SearchRefused,
    Trail,
    UnreadableResponse,
    WalkEnded,
    note_missing,
)
from spotify_pipeline.spotify.source_kinds import CrawlSource, SourceKind

Walk = Callable[[Trail], None]

PLAYS_KEPT = 50
"""Number of plays that Spotify keeps of a listening history, and returns in one response."""


def walks_of(session: CrawlSession, source: CrawlSource) -> list[Walk]:
    """Return the walks of a source in the order of its definition; they can run in parallel."""
    return list(_WALKS[source.kind](session, source))


def walk_artist(session: CrawlSession, artist_id: str, include_groups: str, trail: Trail) -> None:
    """Fetch the artist, then every page of its albums, which go into `trail.albums`."""
    artist = ENDPOINTS[RequestKind.ARTIST]
    listing = ENDPOINTS[RequestKind.ARTIST_ALBUMS]
    try:
        exists = False
        # the bucket of artists may be closed while the one of listings is open
        with suppress(WalkEnded):
            session.fetch(Request.get(artist.kind, artist.path(artist_id), requested_id=artist_id), trail)
            exists = True
        params = {"include_groups": include_groups, "limit": str(listing.page_size(session.client.app_class))}
        first = Request.get(listing.kind, listing.path(artist_id), params, artist_id)
        walk_list(session, first, trail, lambda page: trail.albums.extend(albums(page)), exists=exists)
    except NotFound as error:
        note_missing(trail, artist.kind, artist_id, error)
    except (PermissionDenied, RequestRefused) as error:
        session.note_refused(trail, artist.kind, artist_id, error)


def walk_album(session: CrawlSession, album_id: str, trail: Trail, *, listed: bool = False) -> None:
    """Fetch the album with its first tracks, then the other pages; `listed`: an artist's albums name it."""
    album = ENDPOINTS[RequestKind.ALBUM]
    request = Request.get(album.kind, album.path(album_id), requested_id=album_id)
    try:
        document = session.read(request, trail, lambda album: not is_page(_tracks_of(album)))
        tracks = member(document, "tracks", f"the album at {request.target}")
        following = following_request(session, tracks, request, RequestKind.ALBUM_TRACKS)
        if following is not None:
            walk_rest(session, following, trail)
    except NotFound as error:
        note_missing(trail, album.kind, album_id, error, listed=listed)
    except (PermissionDenied, RequestRefused) as error:
        session.note_refused(trail, album.kind, album_id, error, listed=listed)


def _tracks_of(album: Any) -> Any:
    return album.get("tracks") if isinstance(album, dict) else None


def walk_album_from(session: CrawlSession, album_id: str, offset: int, trail: Trail) -> None:
    """Fetch the pages of an album's tracks from `offset` on; the earlier ones are stored."""
    pages = ENDPOINTS[RequestKind.ALBUM_TRACKS]
    params = {"limit": str(pages.page_size(session.client.app_class)), "offset": str(offset)}
    first = Request.get(pages.kind, pages.path(album_id), params, album_id)
    try:
        walk_rest(session, first, trail, exists=False)
    except NotFound as error:
        note_missing(trail, RequestKind.ALBUM, album_id, error, listed=True)


def walk_track(session: CrawlSession, track_id: str, trail: Trail) -> None:
    """Fetch one track."""
    track = ENDPOINTS[RequestKind.TRACK]
    try:
        session.fetch(Request.get(track.kind, track.path(track_id), requested_id=track_id), trail)
    except NotFound as error:
        note_missing(trail, track.kind, track_id, error)
    except (PermissionDenied, RequestRefused) as error:
        session.note_refused(trail, track.kind, track_id, error)


def walk_tracks(session: CrawlSession, track_ids: Sequence[str], trail: Trail) -> None:
    """Fetch several tracks in one call, at most a page; some classes of app are not allowed to."""
    tracks = ENDPOINTS[RequestKind.TRACKS]
    request = Request.get(tracks.kind, tracks.path(), {"ids": ",".join(track_ids)})
    try:
        document = session.fetch(request, trail)
    except NotFound:
        # one id that does not exist makes the whole call fail, so each track is requested alone
        for track_id in track_ids:
            walk_track(session, track_id, trail)
        return
    where = f"the response to {request.target}"
    entries = member(document, "tracks", where)
    if not isinstance(entries, list) or len(entries) != len(track_ids):
        raise UnreadableResponse(f"{where} does not hold one entry for each id")
    for track_id, entry in zip(track_ids, entries, strict=True):
        if entry is None:
            error = NotFound(f"Spotify has no track {track_id}")
            note_missing(trail, RequestKind.TRACK, track_id, error)


def walk_search(session: CrawlSession, query: str, record_type: str, max_results: int, trail: Trail) -> None:
    """Fetch the pages of one search text and type, up to `max_results` records."""
    search = ENDPOINTS[RequestKind.SEARCH]
    size = search.page_size(session.client.app_class)
    offset, was_empty = 0, False
    while offset < max_results:
        # requested by offset, so that the last page is no larger than wanted
        limit = min(size, max_results - offset)
        params = {"q": query, "type": record_type, "limit": str(limit), "offset": str(offset)}
        request = Request.get(search.kind, search.path(), params)
        page = _search_page(session, request, record_type, trail, offset=offset)
        link, items = page.get("next") or None, page["items"]
        if link is not None:
            session.client.follow(link)
        start = next_start(page, offset, limit)
        # `next` can be null before the end: a full page below the total has a successor
        full = len(items) >= limit and (total_of(page) or 0) > start
        # an empty page can have a successor, too, but two of them are the end
        if not (link is not None or full) or (not items and was_empty):
            return
        offset, was_empty = start, not items


def _search_page(
    session: CrawlSession, request: Request, record_type: str, trail: Trail, *, offset: int
) -> dict[str, Any]:
    """Return the page of one record type; read a page twice if it is empty before the total.

    Raises:
        SearchRefused: Spotify refuses the search text.
        ApiUnavailable: A page after the first, or the first of a short text, is not found.
        UnreadableResponse: The response has no such page.
    """

    def is_doubtful(document: Any) -> bool:
        page = document.get(record_type + "s") if isinstance(document, dict) else None
        return not is_page(page) or (not page["items"] and (total_of(page) or 0) > offset)

    try:
        document = session.read(request, trail, is_doubtful)
    except (NotFound, RequestRefused) as error:
        text = dict(request.params)["q"]
        if isinstance(error, NotFound) and (offset or len(text) <= SEARCH_TEXT_SAFE):
            raise ApiUnavailable(f"a page of a search is not found ({error}): try again later") from None
        sentence = f"the search text {text[:40]!r} of {len(text)} characters is refused: {error}"
        if len(text) > SEARCH_TEXT_SAFE:
            sentence += f"; Spotify accepts {SEARCH_TEXT_MAX} characters at most, and sometimes fewer"
        trail.refused = None if trail.requests else RequestRefused(sentence)
        raise SearchRefused(sentence) from None
    where = f"the response to {request.target}"
    page: dict[str, Any] = member(document, record_type + "s", where)
    next_of(page, where)
    return page


def walk_saved_tracks(session: CrawlSession, trail: Trail) -> None:
    """Fetch every page of the user's saved tracks."""
    saved = ENDPOINTS[RequestKind.SAVED_TRACKS]
    params = {"limit": str(saved.page_size(session.client.app_class))}
    walk_list(session, Request.get(saved.kind, saved.path(), params), trail, exists=True)


def walk_followed_artists(session: CrawlSession, trail: Trail) -> None:
    """Fetch every page of the artists that the user follows; pages are linked by a cursor."""
    followed = ENDPOINTS[RequestKind.FOLLOWED_ARTISTS]
    params = {"limit": str(followed.page_size(session.client.app_class)), "type": "artist"}
    walk_list(session, Request.get(followed.kind, followed.path(), params), trail, exists=True)


def walk_top_list(
    session: CrawlSession, kind: RequestKind, time_range: str, max_results: int, trail: Trail
) -> None:
    """Fetch the first `max_results` of the user's top tracks or artists over one range of time."""
    top = ENDPOINTS[kind]
    limit = min(top.page_size(session.client.app_class), max_results)
    first = Request.get(top.kind, top.path(), {"limit": str(limit), "time_range": time_range})
    walk_list(session, first, trail, exists=True, most=max_results)


def walk_recently_played(session: CrawlSession, trail: Trail) -> None:
    """Fetch all plays that Spotify still has, in one call.

    A cursor (`after`) is not used: a device that was offline reports its plays hours later, with the time at
    which they were played, and the cursor would skip them.
    """
    played = ENDPOINTS[RequestKind.RECENTLY_PLAYED]
    request = Request.get(played.kind, played.path(), {"limit": str(PLAYS_KEPT)})
    try:
        page = session.read(request, trail, lambda page: not is_page(page))
    except NotFound as error:
        raise ApiUnavailable(f"the listening history is not found ({error}): try again later") from None
    next_of(page, f"the response to {request.target}")
    trail.plays.extend(play_times(page))


def plays_of(trails: Sequence[Trail], after_ms: int | None) -> Plays:
    """Summarise the plays of a walk; `after_ms` is the last play known before, in unix milliseconds."""
    times = sorted(moment for trail in trails for moment in trail.plays)
    return Plays(
        count=len(times),
        oldest=times[0] if times else None,
        newest=times[-1] if times else None,
        possible_gap=bool(times) and after_ms is not None and unix_ms(times[0]) > after_ms,
    )


def _artists(session: CrawlSession, source: CrawlSource) -> Iterable[Walk]:
    groups = ",".join(source.include_groups)
    return (partial(walk_artist, session, artist_id, groups) for artist_id in source.ids)


def _tracks(session: CrawlSession, source: CrawlSource) -> Iterable[Walk]:
    several = ENDPOINTS[RequestKind.TRACKS]
    if session.client.app_class not in several.app_classes:
        return (partial(walk_track, session, track_id) for track_id in source.ids)
    size = several.page_size(session.client.app_class)
    starts = range(0, len(source.ids), size)
    return (partial(walk_tracks, session, source.ids[start : start + size]) for start in starts)


def _searches(session: CrawlSession, source: CrawlSource) -> Iterable[Walk]:
    for query in source.queries:
        for record_type in source.types:
            yield partial(walk_search, session, query, record_type, source.max_results)


def _top_lists(kind: RequestKind, session: CrawlSession, source: CrawlSource) -> Iterable[Walk]:
    for time_range in source.time_ranges:
        yield partial(walk_top_list, session, kind, time_range, source.max_results or TOP_LIST_DEFAULT)


_WALKS: Mapping[SourceKind, Callable[[CrawlSession, CrawlSource], Iterable[Walk]]] = {
    SourceKind.ARTIST: _artists,
    SourceKind.ALBUM: lambda session, source: (partial(walk_album, session, id_) for id_ in source.ids),
    SourceKind.TRACK: _tracks,
    SourceKind.PLAYLIST: lambda session, source: (partial(walk_playlist, session, id_) for id_ in source.ids),
    SourceKind.SEARCH: _searches,
    SourceKind.RECENTLY_PLAYED: lambda session, _: [partial(walk_recently_played, session)],
    SourceKind.SAVED_TRACKS: lambda session, _: [partial(walk_saved_tracks, session)],
    SourceKind.FOLLOWED_ARTISTS: lambda session, _: [partial(walk_followed_artists, session)],
    SourceKind.TOP_TRACKS: partial(_top_lists, RequestKind.TOP_TRACKS),
    SourceKind.TOP_ARTISTS: partial(_top_lists, RequestKind.TOP_ARTISTS),
}
