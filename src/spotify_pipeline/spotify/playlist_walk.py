"""Reads a playlist and the pages of its entries, again if the playlist was edited meanwhile."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spotify_pipeline.errors import ApiUnavailable, NotFound, PermissionDenied, RequestRefused, UserErased
from spotify_pipeline.spotify.endpoints import ENDPOINTS, OWN_PLAYLIST_PREFIX, Request, RequestKind
from spotify_pipeline.spotify.paging import walk_list
from spotify_pipeline.spotify.result import Missing
from spotify_pipeline.spotify.session import ContradictedList, CrawlSession, Trail, note_missing

logger = logging.getLogger(__name__)

PLAYLIST_FIELDS = (
    "collaborative,description,external_urls,href,id,images,name,owner(display_name,external_urls,href,id,type,uri),"
    "public,snapshot_id,type,uri"
)
"""Fields of a playlist without its entries, which are read page by page."""


def walk_playlist(session: CrawlSession, playlist_id: str, trail: Trail) -> None:
    """Fetch the playlist, then every page of its entries.

    A playlist that the user may not read, or whose owner's data was erased, is listed as missing.
    """
    playlist = ENDPOINTS[RequestKind.PLAYLIST]
    items = ENDPOINTS[RequestKind.PLAYLIST_ITEMS]
    head = Request.get(playlist.kind, playlist.path(playlist_id), {"fields": PLAYLIST_FIELDS}, playlist_id)
    # without additional_types an episode comes as if it were a track
    params = {"additional_types": "episode,track", "limit": str(items.page_size(session.client.app_class))}
    first = Request.get(items.kind, items.path(playlist_id), params, playlist_id)
    try:
        _read_unedited(session, head, first, trail)
    except NotFound as error:
        if playlist_id.startswith(OWN_PLAYLIST_PREFIX):
            error = NotFound(f"{error}: apps cannot read Spotify's own playlists since November 2024")
        note_missing(trail, playlist.kind, playlist_id, error)
    except UserErased as error:
        logger.warning("%s", error)
        # `listed`, since the id in sources.yml is not wrong
        trail.missing.append(Missing(playlist.kind.value, playlist_id, str(error), listed=True))
    except (PermissionDenied, RequestRefused) as error:
        session.note_refused(trail, playlist.kind, playlist_id, error)


def _read_unedited(session: CrawlSession, head: Request, first: Request, trail: Trail) -> None:
    """Read the playlist at `head` and its entries; read both again if it was edited between two pages.

    An edit can leave `total` as it was and move entries to a page that was read already, so that they are
    missed. Therefore the snapshot_id is compared before and after. It can also change without an edit, so two
    equal readings are accepted whatever it is. It is not compared for a playlist of one page, and for
    Spotify's own playlists, as theirs changes with every request.

    Raises:
        ContradictedList: The playlist was edited while it was read again; both its heads stay in `trail`, so
            that the validation sees it too.
        NotFound, ApiUnavailable, UnreadableResponse: See `walk_list`.
    """
    before = session.fetch(head, trail)
    start = len(trail.requests)
    known: list[Any] | None = None
    number, read_again = 0, False
    for reading in itertools.count(2):
        number = 1 + walk_list(
            session, first, trail, lambda page: _note(page, trail), exists=True, number=number
        )
        if len(trail.requests) == start + 1 or str(head.requested_id).startswith(OWN_PLAYLIST_PREFIX):
            return
        head = replace(head, reading=reading)
        try:
            after = session.fetch(head, trail)
        except NotFound as error:
            raise ApiUnavailable(
                f"a playlist that was read is not found ({error}): try again later"
            ) from None
        if _snapshot(after) == _snapshot(before) or trail.entries == known:
            trail.requests.pop()
            return
        if read_again and session.has_sent(head):
            raise ContradictedList(
                f"the playlist {head.path} may not be complete: it was edited while it was read"
            )
        logger.info("%s was edited while it was read; reading it again", head.path)
        # responses that an earlier attempt stored cost no call and do not count
        read_again = session.has_sent(head)
        known, before = list(trail.entries), after
        del trail.requests[start - 1 :], trail.entries[:]
        trail.requests.append(head)


def _note(page: Mapping[str, Any], trail: Trail) -> None:
    """Add the entries of a page to `trail`, without ids of users: stored ones are replaced by hashes."""
    for item in page["items"]:
        held = item if isinstance(item, dict) else {}
        media = held.get("item") or held.get("track")
        trail.entries.append((held.get("added_at"), media.get("uri") if isinstance(media, dict) else None))


def _snapshot(playlist: Any) -> Any:
    return playlist.get("snapshot_id") if isinstance(playlist, dict) else None
