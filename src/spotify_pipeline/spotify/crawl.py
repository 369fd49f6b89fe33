"""Walking a source to its end: every page, every album once, resumable, in a deterministic order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime
from functools import partial

from spotify_pipeline.sources.model import Source, SourceKind
from spotify_pipeline.spotify.client import ApiResponse, SpotifyClient
from spotify_pipeline.spotify.endpoints import Request
from spotify_pipeline.spotify.result import CrawlResult, Missing, StopReason, StoredBody
from spotify_pipeline.spotify.session import CrawlSession, Trail
from spotify_pipeline.spotify.walks import walk_album, walk_artist, walk_search

__all__ = ["CrawlResult", "Missing", "StopReason", "StoredBody", "crawl"]

logger = logging.getLogger(__name__)


def crawl(
    client: SpotifyClient,
    source: Source,
    *,
    partition: date,
    have: Callable[[Request], StoredBody | None],
    keep: Callable[[Request, ApiResponse], None],
    concurrency: int = 4,
) -> CrawlResult:
    """Fetch all that `source` names, as of `partition`.

    artist: the artist, the pages of its albums, then each distinct album with the rest of its tracks.
    album: each album with the rest of its tracks. search: the pages of each query and type.

    A request whose body `have` returns is walked through and not sent again. `keep` gets each new answer;
    both are called from up to `concurrency` threads. An answer observed on another date than `partition`
    (UTC) is not kept and ends the crawl; a closed bucket ends the calls to it, and with another reason than
    QUOTA_EXCEEDED all calls: both give `complete=False`. An id that Spotify does not know is listed in
    `missing`, and the others go on.

    Raises:
        TransientError: some answer could not be had; everything else that could is kept.
        TerminalError: Spotify refuses the login, the app or a request, or a link is unsafe.
    """
    session = CrawlSession(client, partition, have, keep)
    before = client.calls()
    walks: list[Callable[[Trail], None]]
    if source.kind is SourceKind.ARTIST:
        groups = ",".join(source.include_groups)
        walks = [partial(walk_artist, session, artist_id, groups) for artist_id in source.ids]
    elif source.kind is SourceKind.ALBUM:
        walks = [partial(walk_album, session, album_id) for album_id in source.ids]
    else:
        walks = [
            partial(walk_search, session, query, record_type, source.max_results)
            for query in source.queries
            for record_type in source.types
        ]
    trails = session.run(walks, concurrency)
    # in the order of first appearance, so that the same answers give the same order of albums
    albums = dict.fromkeys(album_id for trail in trails for album_id in trail.album_ids)
    trails += session.run([partial(walk_album, session, album_id) for album_id in albums], concurrency)
    session.raise_failure()

    stop = session.stop
    problems = tuple(problem for trail in trails for problem in trail.problems)
    reason = stop.reason if stop else StopReason.UNREADABLE if problems else None
    deadline: datetime | None = stop.deadline if stop else None
    spent = client.calls() - before
    result = CrawlResult(
        complete=reason is None,
        stopped_by=reason,
        message=stop.message if stop else problems[0] if problems else None,
        bucket=stop.bucket if stop else None,
        deadline=deadline,
        missing=tuple(missing for trail in trails for missing in trail.missing),
        problems=problems,
        calls=sum(count for bucket, count in spent.items() if bucket.startswith("GET ")),
        requests=tuple(dict.fromkeys(request for trail in trails for request in trail.requests)),
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
