"""The walk of each kind of catalogue source: which request follows which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from spotify_pipeline.errors import NotFound
from spotify_pipeline.spotify.endpoints import ENDPOINTS, Request, RequestKind, bucket_of
from spotify_pipeline.spotify.pages import UnreadableAnswer, albums, member, next_of
from spotify_pipeline.spotify.session import CrawlSession, Trail, WalkEnded, note_missing

PAGES_MAX = 2000
"""Pages followed in one list; the longest real ones (albums of a famous composer) stay below."""


def walk_artist(session: CrawlSession, artist_id: str, include_groups: str, trail: Trail) -> None:
    """The artist, then every page of its albums, which go into `trail.albums`."""
    artist = ENDPOINTS[RequestKind.ARTIST]
    listing = ENDPOINTS[RequestKind.ARTIST_ALBUMS]
    try:
        # the bucket of artists may be closed while the one of listings is open
        with suppress(WalkEnded):
            session.fetch(Request.get(artist.kind, artist.path(artist_id), requested_id=artist_id), trail)
        params = {"include_groups": include_groups, "limit": str(listing.page_size(session.client.app_class))}
        first = Request.get(listing.kind, listing.path(artist_id), params, artist_id)
        for page in walk_pages(session, first, trail):
            trail.albums.extend(albums(page))
    except NotFound as error:
        note_missing(trail, artist_id, error)


def walk_album(session: CrawlSession, album_id: str, trail: Trail) -> None:
    """The album with its first tracks, then the pages of the rest."""
    album = ENDPOINTS[RequestKind.ALBUM]
    request = Request.get(album.kind, album.path(album_id), requested_id=album_id)
    try:
        document = session.fetch(request, trail)
        tracks = member(document, "tracks", f"the album at {request.target}")
        following = _following(session, tracks, request, RequestKind.ALBUM_TRACKS, album_id)
        if following is not None:
            for _ in walk_pages(session, following, trail):
                pass
    except NotFound as error:
        note_missing(trail, album_id, error)


def walk_album_from(session: CrawlSession, album_id: str, offset: int, trail: Trail) -> None:
    """The pages of an album's tracks from `offset` on: what is before is known."""
    pages = ENDPOINTS[RequestKind.ALBUM_TRACKS]
    params = {"limit": str(pages.page_size(session.client.app_class)), "offset": str(offset)}
    first = Request.get(pages.kind, pages.path(album_id), params, album_id)
    try:
        for _ in walk_pages(session, first, trail):
            pass
    except NotFound as error:
        note_missing(trail, album_id, error)


def walk_track(session: CrawlSession, track_id: str, trail: Trail) -> None:
    """One track."""
    track = ENDPOINTS[RequestKind.TRACK]
    try:
        session.fetch(Request.get(track.kind, track.path(track_id), requested_id=track_id), trail)
    except NotFound as error:
        note_missing(trail, track_id, error)


def walk_tracks(session: CrawlSession, track_ids: Sequence[str], trail: Trail) -> None:
    """Several tracks in one call: at most a page of them, for apps that still may."""
    tracks = ENDPOINTS[RequestKind.TRACKS]
    request = Request.get(tracks.kind, tracks.path(), {"ids": ",".join(track_ids)})
    try:
        document = session.fetch(request, trail)
    except NotFound:
        # one id that cannot be spoils the whole answer: find out which
        for track_id in track_ids:
            walk_track(session, track_id, trail)
        return
    where = f"the answer of {request.target}"
    entries = member(document, "tracks", where)
    if not isinstance(entries, list) or len(entries) != len(track_ids):
        raise UnreadableAnswer(f"{where} does not hold one entry for each id")
    for track_id, entry in zip(track_ids, entries, strict=True):
        if entry is None:
            error = NotFound(f"Spotify has no track {track_id}: check the id in sources.yml")
            note_missing(trail, track_id, error)


def walk_search(session: CrawlSession, query: str, record_type: str, max_results: int, trail: Trail) -> None:
    """Pages of one query and type until `max_results` records were asked for."""
    search = ENDPOINTS[RequestKind.SEARCH]
    size = search.page_size(session.client.app_class)
    asked = min(size, max_results)
    params = {"q": query, "type": record_type, "limit": str(asked), "offset": "0"}
    request: Request | None = Request.get(search.kind, search.path(), params)
    while request is not None:
        document = session.fetch(request, trail)
        where = f"the answer of {request.target}"
        page = member(document, record_type + "s", where)
        # the page after is told by offset, so that the last one asks for no more than is wanted
        more = next_of(page, where) is not None and asked < max_results
        if more:
            session.client.follow(page["next"])
        limit = min(size, max_results - asked)
        params = params | {"limit": str(limit), "offset": str(asked)}
        request = Request.get(search.kind, search.path(), params) if more else None
        asked += limit


def walk_pages(session: CrawlSession, first: Request, trail: Trail) -> Iterator[dict[str, Any]]:
    """The page at `first` and all that follow it.

    Raises:
        UnreadableAnswer: a page cannot be read, leads back to one already seen, or there is no end of them.
    """
    seen: set[Request] = set()
    request: Request | None = first
    while request is not None:
        if request in seen:
            raise UnreadableAnswer(f"the pages of {first.path} lead in a circle to {request.target}")
        if len(seen) >= PAGES_MAX:
            raise UnreadableAnswer(f"the pages of {first.path} have no end: {PAGES_MAX} were read")
        seen.add(request)
        page = session.fetch(request, trail)
        following = _following(session, page, request, first.kind, first.requested_id)
        yield page
        request = following


def _following(
    session: CrawlSession, page: Any, request: Request, kind: RequestKind, requested_id: str | None
) -> Request | None:
    link = next_of(page, f"the answer of {request.target}")
    if link is None:
        return None
    target = session.client.follow(link)
    if bucket_of("GET", target.path) != ENDPOINTS[kind].bucket:
        raise UnreadableAnswer(f"the next page of {request.target} is another endpoint: {target.path}")
    return Request.get(kind, target.path, target.params, requested_id)
