"""The result of a crawl and its parts."""

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
    """Body of a raw object that an earlier attempt stored."""

    body: bytes


@dataclass(frozen=True)
class Missing:
    """An id that Spotify does not know or show.

    Attributes:
        kind: Kind of the record: artist, album, track or playlist.
        requested_id: The requested id.
        message: A sentence about it.
        listed: Whether the id comes from a listing, not from the definition of the source.
    """

    kind: str
    requested_id: str
    message: str
    listed: bool = False


@dataclass(frozen=True)
class Plays:
    """Plays that a walk of the listening history read; times are UTC, None if there was no play.

    Attributes:
        count: Plays read.
        oldest: Start of the oldest play.
        newest: Start of the newest play.
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
        problems: Messages about stored responses that do not lead to the next request.
        calls: GETs sent, repeats included.
        requests: The raw objects that now exist; equal responses give an equal order.
        skipped: Listed albums that `skip_album` left out.
        continued: Albums of which only the rest was read.
        outage: The error of the first request that got no complete response; all others were stored.
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
