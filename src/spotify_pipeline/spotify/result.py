"""What a crawl gives back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from spotify_pipeline.spotify.endpoints import Request


class StopReason(StrEnum):
    """Why a crawl is not complete."""

    DATE_PASSED = "date passed"
    RATE_LIMITED = "rate limited"
    QUOTA_EXCEEDED = "quota exceeded"
    UNREADABLE = "unreadable answer"


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
class CrawlResult:
    """`requests` are the raw objects that now exist, in an order that the answers alone decide.

    `complete` means that every list was paged until `next` was null (missing ids do not count against it).
    When it is False, `stopped_by` and `message` say why; `bucket` and `deadline` (UTC) are set for a rate
    limit. `problems` are answers that were kept but could not be walked on from. `calls` are GETs sent,
    repeats included.
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
