"""The walk of each kind of source that belongs to a user: playlists, library, top list, listening history."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from spotify_pipeline.errors import NotFound, PermissionDenied
from spotify_pipeline.spotify.endpoints import ENDPOINTS, Request, RequestKind
from spotify_pipeline.spotify.pages import play_times
from spotify_pipeline.spotify.result import Missing, Plays, unix_ms
from spotify_pipeline.spotify.session import CrawlSession, Trail, note_missing
from spotify_pipeline.spotify.walks import walk_pages

logger = logging.getLogger(__name__)

PLAYS_KEPT = 50
"""Plays that Spotify keeps of a listening history."""

PLAYLIST_FIELDS = (
    "collaborative,description,external_urls,href,id,images,name,owner(display_name,external_urls,href,id,type,uri),"
    "public,snapshot_id,type,uri"
)
"""The playlist without its entries: those are read by pages, which alone say where the end is."""


def walk_playlist(session: CrawlSession, playlist_id: str, trail: Trail) -> None:
    """The playlist, then every page of its entries; one that is not the user's own is listed as missing."""
    playlist = ENDPOINTS[RequestKind.PLAYLIST]
    items = ENDPOINTS[RequestKind.PLAYLIST_ITEMS]
    head = Request.get(playlist.kind, playlist.path(playlist_id), {"fields": PLAYLIST_FIELDS}, playlist_id)
    # without additional_types an episode comes as if it were a track
    params = {"additional_types": "episode,track", "limit": str(items.page_size(session.client.app_class))}
    first = Request.get(items.kind, items.path(playlist_id), params, playlist_id)
    try:
        session.fetch(head, trail)
        for _ in walk_pages(session, first, trail):
            pass
    except NotFound as error:
        note_missing(trail, playlist_id, error)
    except PermissionDenied as error:
        logger.warning("%s", error)
        trail.refused = error
        trail.missing.append(Missing(playlist_id, str(error)))


def walk_saved_tracks(session: CrawlSession, trail: Trail) -> None:
    """Every page of the user's saved tracks."""
    saved = ENDPOINTS[RequestKind.SAVED_TRACKS]
    params = {"limit": str(saved.page_size(session.client.app_class))}
    for _ in walk_pages(session, Request.get(saved.kind, saved.path(), params), trail):
        pass


def walk_top_tracks(session: CrawlSession, time_range: str, trail: Trail) -> None:
    """Every page of the user's top tracks over one range of time."""
    top = ENDPOINTS[RequestKind.TOP_TRACKS]
    params = {"limit": str(top.page_size(session.client.app_class)), "time_range": time_range}
    for _ in walk_pages(session, Request.get(top.kind, top.path(), params), trail):
        pass


def walk_recently_played(session: CrawlSession, after_ms: int | None, trail: Trail) -> None:
    """The plays after `after_ms` (unix milliseconds; None: all that Spotify still has)."""
    played = ENDPOINTS[RequestKind.RECENTLY_PLAYED]
    params = {"limit": str(played.page_size(session.client.app_class))}
    if after_ms is not None:
        params["after"] = str(after_ms)
    for page in walk_pages(session, Request.get(played.kind, played.path(), params), trail):
        times = list(play_times(page))
        trail.plays.extend(times)
        # a page's next may lead back in time past what was asked for
        if not times or (after_ms is not None and unix_ms(min(times)) <= after_ms):
            break


def plays_of(trails: Sequence[Trail], after_ms: int | None) -> Plays:
    """What walks of the listening history saw together."""
    times = sorted(moment for trail in trails for moment in trail.plays)
    full = len(times) >= PLAYS_KEPT
    return Plays(
        count=len(times),
        oldest=times[0] if times else None,
        newest=times[-1] if times else None,
        possible_gap=full and after_ms is not None and unix_ms(times[0]) > after_ms,
    )
