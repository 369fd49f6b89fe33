"""Walking a source to its end: every page, every album once, resumable, in a deterministic order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from spotify_pipeline.sources.model import Source, SourceKind
from spotify_pipeline.spotify.client import ApiResponse, SpotifyClient
from spotify_pipeline.spotify.endpoints import Request
from spotify_pipeline.spotify.result import CrawlResult, Missing, Plays, StopReason, StoredBody
from spotify_pipeline.spotify.session import CrawlSession
from spotify_pipeline.spotify.source_walks import walks_of
from spotify_pipeline.spotify.user_walks import plays_of
from spotify_pipeline.spotify.walks import walk_album, walk_album_from

__all__ = ["CrawlResult", "Missing", "Plays", "StopReason", "StoredBody", "crawl"]

logger = logging.getLogger(__name__)


def crawl(
    client: SpotifyClient,
    source: Source,
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
    album: each album with the rest of its tracks. track: each track, 50 a call where the app may.
    playlist: each playlist and the pages of its entries. search: the pages of each query and type.
    saved_tracks, top_tracks: their pages. recently_played: the plays after `after_ms`, unix milliseconds.

    `skip_album` is asked once for each album that a listing names, with the listing's entry, in their order
    and in the calling thread; an album for which it says yes is not fetched, and is listed in `skipped`. Of
    the others `resume_album` gives the offset from which on the tracks are wanted, None for the whole album;
    the former are listed in `continued`.

    A request whose body `have` returns is walked through and not sent again. `keep` gets each new answer,
    and gives the one to walk through instead where that request was answered before; both are called from up
    to `concurrency` threads. An answer observed on another date than `partition` (UTC) is not kept and ends
    the crawl; a closed bucket ends the calls to it, and with another reason than QUOTA_EXCEEDED all calls:
    both give `complete=False`. An id that Spotify does not know is listed in
    `missing`, and the others go on; so is a playlist that the user may not read, unless that is all of them.
    An answer that could not be had after all attempts is `outage`, and everything else that could is kept.

    Raises:
        LakeUnavailable, WarehouseUnavailable: what `have`, `keep` or the client's gate need is not there.
        TerminalError: Spotify refuses the login, the app or a request, or a link is unsafe.
    """
    session = CrawlSession(client, partition, have, keep)
    before = client.calls()
    trails = session.run(walks_of(session, source, after_ms), concurrency)
    refused = [trail.refused for trail in trails if trail.refused]
    if refused and len(refused) == len(trails):
        raise refused[0]
    # in the order of first appearance, so that the same answers give the same order of albums
    albums: dict[str, Mapping[str, Any]] = {}
    for trail in trails:
        for album_id, listing in trail.albums:
            albums.setdefault(album_id, listing)
    skipped = tuple(album_id for album_id, entry in albums.items() if skip_album and skip_album(entry))
    for album_id in skipped:
        del albums[album_id]
    offsets = {album_id: resume_album(entry) if resume_album else None for album_id, entry in albums.items()}
    wanted = [
        partial(walk_album, session, album_id)
        if offset is None
        else partial(walk_album_from, session, album_id, offset)
        for album_id, offset in offsets.items()
    ]
    trails += session.run(wanted, concurrency)
    session.raise_failure()

    problems = tuple(problem for trail in trails for problem in trail.problems)
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
        problems=problems,
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


def _why_incomplete(session: CrawlSession, problems: Sequence[str]) -> tuple[StopReason | None, str | None]:
    """Reason and sentence: a stop tells most, then an outage, then an answer of the wrong shape."""
    if session.stop is not None:
        return session.stop.reason, session.stop.message
    if session.outage is not None:
        return StopReason.OUTAGE, str(session.outage)
    if problems:
        return StopReason.UNREADABLE, problems[0]
    return None, None
