"""Crawls a source: every page, every album once, in a deterministic order; a crawl can be resumed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from spotify_pipeline.spotify.client import ApiResponse, SpotifyClient
from spotify_pipeline.spotify.endpoints import Request
from spotify_pipeline.spotify.result import CrawlResult, Missing, Plays, StopReason, StoredBody
from spotify_pipeline.spotify.session import CrawlSession, UnreadableResponse
from spotify_pipeline.spotify.source_kinds import CrawlSource, SourceKind
from spotify_pipeline.spotify.walks import plays_of, walk_album, walk_album_from, walks_of

__all__ = ["CrawlResult", "Missing", "Plays", "StopReason", "StoredBody", "crawl"]

logger = logging.getLogger(__name__)


def crawl(
    client: SpotifyClient,
    source: CrawlSource,
    *,
    partition: date,
    have: Callable[[Request], StoredBody | None],
    keep: Callable[[Request, ApiResponse], StoredBody | None],
    concurrency: int = 4,
    skip_album: Callable[[Mapping[str, Any]], bool] | None = None,
    resume_album: Callable[[Mapping[str, Any]], int | None] | None = None,
    after_ms: int | None = None,
) -> CrawlResult:
    """Fetch all that `source` names, as of `partition`.

    artist: the artist, the pages of its albums, then each distinct album with the rest of its tracks.
    album: each album with the rest of its tracks. track: each track, 50 a call if the app is allowed to.
    playlist: each playlist and the pages of its entries. search: the pages of each search text and type.
    saved_tracks, top_tracks, top_artists, followed_artists: their pages. recently_played: the last plays.

    A response observed on another date than `partition` is not kept and ends the crawl. A closed bucket ends
    the calls to it, and all calls where the reason is not QUOTA_EXCEEDED. Both give `complete=False`. An id
    that Spotify does not know is listed in `missing`, and the others are fetched; so is a playlist that the
    user may not read, unless that is all of them. A request that got no whole response after all attempts is
    the `outage`, and everything else is kept.

    Args:
        client: The app's client, or the user's for a source that needs a login.
        source: The source.
        partition: The API's own date (UTC).
        have: Returns the stored body of a request, which is then not sent; called from up to `concurrency`
            threads.
        keep: Stores a new response, and returns the one to walk through instead where another attempt has
            stored that request's first; called from up to `concurrency` threads.
        concurrency: Requests in flight.
        skip_album: Returns whether an album of a listing is not fetched but listed in `skipped`; called once
            for each album, in their order and in the calling thread, with its entry in the listing.
        resume_album: Returns the offset from which the tracks of another album are fetched; such an album is
            listed in `continued`. None for the whole album.
        after_ms: For recently_played, the last known play in unix milliseconds; if the response does not
            contain it, plays may be lost.

    Raises:
        LakeUnavailable, WarehouseUnavailable: `have`, `keep` or the client's gate cannot reach its store.
        TerminalError: Spotify refuses the login, the app or a request, or a link is unsafe.
    """
    session = CrawlSession(client, partition, have, keep)
    before = client.calls()
    trails = session.run(walks_of(session, source), concurrency)
    refused = [trail.refused for trail in trails if trail.refused]
    if refused and len(refused) == len(trails):
        raise refused[0]
    # in the order of first appearance, so that the same responses give the same order of albums
    albums: dict[str, Mapping[str, Any]] = {}
    for trail in trails:
        for album_id, listing in trail.albums:
            albums.setdefault(album_id, listing)
    skipped = tuple(album_id for album_id, entry in albums.items() if skip_album and skip_album(entry))
    for album_id in skipped:
        del albums[album_id]
    offsets = {album_id: resume_album(entry) if resume_album else None for album_id, entry in albums.items()}
    wanted = [
        partial(walk_album, session, album_id, listed=True)
        if offset is None
        else partial(walk_album_from, session, album_id, offset)
        for album_id, offset in offsets.items()
    ]
    trails += session.run(wanted, concurrency)
    session.raise_failure()

    problems = [problem for trail in trails for problem in trail.problems]
    reason, message = _why_incomplete(session, problems)
    spent = client.calls() - before
    plays = plays_of(trails, after_ms) if source.kind is SourceKind.RECENTLY_PLAYED else None
    result = CrawlResult(
        complete=reason is None,
        stopped_by=reason,
        message=message,
        bucket=session.stop.bucket if session.stop else None,
        deadline=session.stop.deadline if session.stop else None,
        missing=tuple(missing for trail in trails for missing in trail.missing),
        problems=tuple(str(problem) for problem in problems),
        calls=sum(count for bucket, count in spent.items() if bucket.startswith("GET ")),
        requests=tuple(dict.fromkeys(request for trail in trails for request in trail.requests)),
        skipped=skipped,
        continued=tuple(album_id for album_id, offset in offsets.items() if offset is not None),
        outage=session.outage,
        plays=plays,
    )
    logger.info(
        "source %s on %s: %d objects, %d calls, %d missing, %s",
        source.name,
        partition,
        len(result.requests),
        result.calls,
        len(result.missing),
        "complete" if result.complete else f"stopped: {result.message}",
    )
    return result


def _why_incomplete(
    session: CrawlSession, problems: Sequence[UnreadableResponse]
) -> tuple[StopReason | None, str | None]:
    """Return reason and message of a stop, else of an outage, else of an unreadable response."""
    if session.stop is not None:
        return session.stop.reason, session.stop.message
    if session.outage is not None:
        return StopReason.OUTAGE, str(session.outage)
    if problems:
        return problems[0].reason, str(problems[0])
    return None, None
