"""What a crawl gives back."""

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
    UNREADABLE = "unreadable answer"
    OUTAGE = "outage"


@dataclass(frozen=True)
class StoredBody:
    """Body of a raw object that an earlier attempt kept."""

    body: bytes


@dataclass(frozen=True)
class Missing:
    """An id that Spotify does not know, with the sentence about it."""

    requested_id: str
    message: str


@dataclass(frozen=True)
class Plays:
    """What a walk of the listening history saw; moments are UTC, None where there was no play.

    `possible_gap`: Spotify keeps about 50 plays, so as many that are all newer than the last known one may
    have pushed others out.
    """

    count: int
    oldest: datetime | None
    newest: datetime | None
    possible_gap: bool

    @property
    def cursor_ms(self) -> int | None:
        """The next walk's `after`: the newest play in unix milliseconds."""
        return None if self.newest is None else unix_ms(self.newest)


def unix_ms(moment: datetime) -> int:
    """Milliseconds since 1970, as Spotify's cursors count; exact, where a float of seconds is not."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class CrawlResult:
    """`requests` are the raw objects that now exist, in an order that the answers alone decide.

    `complete` means that every list was paged until `next` was null (missing ids do not count against it).
    When it is False, `stopped_by` and `message` say why; `bucket` and `deadline` (UTC) are set for a rate
    limit, `outage` where some answers could not be had (all others were). `problems` are answers that were
    kept but could not be walked on from. `skipped` are listed albums that the caller wanted left out,
    `continued` those of which the caller wanted the rest. `plays` is set for recently_played.
    `calls` are GETs sent, repeats included.
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
