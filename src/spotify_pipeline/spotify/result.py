"""What a crawl returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from spotify_pipeline.errors import TransientError
from spotify_pipeline.spotify.endpoints import Request

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StopReason(StrEnum):
    """Why a crawl is not complete."""

    DATE_PASSED = "date passed"
    RATE_LIMITED = "rate limited"
    QUOTA_EXCEEDED = "quota exceeded"
    BUDGET_SPENT = "call budget spent"
    UNREADABLE = "unreadable response"
    CONTRADICTED = "contradicted list"
    REFUSED = "refused search"
    OUTAGE = "outage"


@dataclass(frozen=True)
class StoredBody:
    """Body of a raw object that an earlier attempt kept."""

    body: bytes


@dataclass(frozen=True)
class Missing:
    """An id that Spotify does not know or show.

    Attributes:
        kind: Kind of the record: artist, album, track or playlist.
        requested_id: The id asked for.
        message: A sentence about it.
        listed: Whether a listing of Spotify's named the id, and not the source's definition.
    """

    kind: str
    requested_id: str
    message: str
    listed: bool = False


@dataclass(frozen=True)
class Plays:
    """What a walk of the listening history saw; moments are UTC, None where there was no play.

    Attributes:
        count: Plays read.
        oldest: When the oldest of them began.
        newest: When the newest of them began.
        possible_gap: Whether plays may be lost: all of them are newer than the last known one.
    """

    count: int
    oldest: datetime | None
    newest: datetime | None
    possible_gap: bool

    @property
    def cursor_ms(self) -> int | None:
        """The newest play in unix milliseconds, as the next read's cursor."""
        return None if self.newest is None else unix_ms(self.newest)


def unix_ms(moment: datetime) -> int:
    """Return exact milliseconds since 1970, the unit of Spotify's cursors."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class CrawlResult:
    """The outcome of a crawl.

    Attributes:
        complete: Whether every list was read to its end; missing ids do not count against it.
        stopped_by: Why it is not complete.
        message: The same as a sentence.
        bucket: The bucket of a rate limit.
        deadline: When that bucket opens, UTC.
        missing: Ids that Spotify does not know or show.
        problems: Sentences about responses that were kept but could not be walked on from.
        calls: GETs sent, repeats included.
        requests: The raw objects that now exist, in an order that the responses alone decide.
        skipped: Listed albums that the caller wanted left out.
        continued: Albums of which the caller wanted the rest.
        outage: The first request that got no whole response; all others were kept.
        plays: Set for recently_played.
    """

    complete: bool
    stopped_by: StopReason | None
    message: str | None
    bucket: str | None
    deadline: datetime | None
    missing: tuple[Missing, ...]
    problems: tuple[str, ...]
    calls: int
    requests: tuple[Request, ...]
    skipped: tuple[str, ...] = ()
    continued: tuple[str, ...] = ()
    outage: TransientError | None = None
    plays: Plays | None = None
