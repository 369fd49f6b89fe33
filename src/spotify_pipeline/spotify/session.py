"""State that the threads of one crawl share: its requests, its stops and its errors."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from spotify_pipeline.buckets import TOTAL
from spotify_pipeline.errors import (
    ApiUnavailable,
    AppDenied,
    BodyCutShort,
    CallBudgetSpent,
    DamagedObject,
    NotFound,
    PermissionDenied,
    RateLimited,
    RequestRefused,
    TerminalError,
    TransientError,
)
from spotify_pipeline.json_reading import read_json
from spotify_pipeline.spotify.client import ApiResponse, SpotifyClient
from spotify_pipeline.spotify.endpoints import Request, RequestKind
from spotify_pipeline.spotify.headers import QUOTA_EXCEEDED
from spotify_pipeline.spotify.result import Missing, StopReason, StoredBody

logger = logging.getLogger(__name__)

READINGS_OF_A_PAGE = 100
"""A page is read fewer times than this in one reading of its list."""

OUTAGES_TOLERATED = 3
"""Number of walks that can end in an outage; after one more, the crawl stops."""


REFUSALS_TOLERATED = 3
"""Number of ids of one kind that can be refused; after one more without success, the crawl fails."""

_OF_ONE_BUCKET = {StopReason.QUOTA_EXCEEDED, StopReason.BUDGET_SPENT}
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Trail:
    """Requests of one walk in order, and the data of their responses that the crawl needs."""

    requests: list[Request] = field(default_factory=list)
    albums: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    entries: list[tuple[Any, Any]] = field(default_factory=list)
    plays: list[datetime] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    problems: list[UnreadableResponse] = field(default_factory=list)
    refused: TerminalError | None = None


@dataclass(frozen=True)
class Stop:
    """Reason for which calls ended early."""

    reason: StopReason
    message: str
    bucket: str | None = None
    deadline: datetime | None = None


class WalkEnded(Exception):
    """The walk ends because the crawl, or its bucket, was stopped."""


class UnreadableResponse(Exception):
    """A response is JSON but lacks the fields that lead to the next request; the message names the mistake.

    The crawl catches it, keeps the response and lists the message.
    """

    reason = StopReason.UNREADABLE


class ContradictedList(UnreadableResponse):
    """The pages of a list contradict each other, also after they were read again."""

    reason = StopReason.CONTRADICTED


class SearchRefused(UnreadableResponse):
    """Spotify refuses a search text."""

    reason = StopReason.REFUSED


class CrawlSession:
    """State of one crawl: stored responses, stops and errors.

    `have` and `keep` are called from several threads.
    """

    def __init__(
        self,
        client: SpotifyClient,
        partition: date,
        have: Callable[[Request], StoredBody | None],
        keep: Callable[[Request, ApiResponse], StoredBody | None],
    ) -> None:
        self.client = client
        self._partition = partition
        self._have = have
        self._keep = keep
        self._lock = threading.Lock()
        self._sent: set[Request] = set()
        self._halted = False
        self._stop: Stop | None = None
        self._fatal: BaseException | None = None
        self._outages: list[TransientError] = []
        self._refusals: Counter[RequestKind] = Counter()

    @property
    def stop(self) -> Stop | None:
        """Reason for which calls ended early, or None."""
        return self._stop

    def run(self, walks: Sequence[Callable[[Trail], None]], concurrency: int) -> list[Trail]:
        """Run walks in parallel and return their trails in the order of `walks`."""
        trails = [Trail() for _ in walks]
        with ThreadPoolExecutor(max_workers=max(1, concurrency), thread_name_prefix="crawl") as pool:
            try:
                list(pool.map(self._walk, walks, trails))
            except BaseException:
                # an interrupt in this thread: let the others end at their next call
                self._halted = True
                raise
        return trails

    def raise_failure(self) -> None:
        """Raise the error that ended the crawl, if any; stops and outages are not raised."""
        if self._fatal is not None:
            raise self._fatal

    @property
    def outage(self) -> TransientError | None:
        """The error of the first request that got no complete response after all attempts."""
        return self._outages[0] if self._outages else None

    def has_sent(self, request: Request) -> bool:
        """Return whether the response to `request` is new, not one that an earlier attempt stored."""
        return request in self._sent

    def read(self, request: Request, trail: Trail, doubtful: Callable[[Any], bool]) -> Any:
        """Return the parsed body for `request`; send the request again if the body is `doubtful`.

        Spotify sometimes sends a wrong page and a moment later the right one, so a new request is repeated
        once. Doubtful responses that an earlier attempt stored are skipped, so that each attempt makes at
        least one call for such a page. Only the last reading stays in `trail`.

        Raises:
            WalkEnded, NotFound, DamagedObject: See `fetch`.
        """
        document = self.fetch(request, trail)
        repeated = False
        while doubtful(document) and not (repeated and self.has_sent(request)):
            if request.reading % READINGS_OF_A_PAGE == 0:
                break
            request = replace(request, reading=request.reading + 1)
            document = self.fetch(request, trail)
            del trail.requests[-2]
            repeated = True
        return document

    def fetch(self, request: Request, trail: Trail) -> Any:
        """Return the parsed body for `request`, stored or new, and add the request to `trail`.

        Raises:
            WalkEnded: A call is needed, and calls have been stopped.
            NotFound: Spotify does not know the id.
            DamagedObject: The stored body is not JSON.
        """
        stored = self._have(request)
        if stored is not None:
            document = _parsed(request, stored)
            trail.requests.append(request)
            return document
        if self._halted:
            raise WalkEnded
        try:
            response = self.client.get(request.path, request.params)
        except RateLimited as limit:
            self._close(limit)
            raise WalkEnded from None
        except CallBudgetSpent as spent:
            stop = Stop(StopReason.BUDGET_SPENT, str(spent), spent.bucket)
            if spent.bucket == TOTAL:
                self._halt(stop)
            else:
                self._note(stop)
            raise WalkEnded from None
        except NotFound as absent:
            # a 404 of the next day does not belong to this partition
            if absent.observed_at is not None:
                self._check_date(absent.observed_at)
            raise
        self._check_date(response.observed_at)
        with self._lock:
            self._sent.add(request)
        first = self._keep(request, response)
        document = response.document if first is None else _parsed(request, first)
        trail.requests.append(request)
        return document

    def note_refused(
        self,
        trail: Trail,
        kind: RequestKind,
        requested_id: str,
        error: PermissionDenied | RequestRefused,
        *,
        listed: bool = False,
    ) -> None:
        """Add an id that Spotify refuses to the missing ones; see `note_missing`.

        Raises:
            PermissionDenied, RequestRefused: The app may not read anything, or anything of this kind.
        """
        with self._lock:
            self._refusals[kind] += 1
            was_read = any(request.kind == kind for request in self._sent)
            # a playlist is refused because it belongs to another user, not because the endpoint is closed
            is_closed = self._refusals[kind] > REFUSALS_TOLERATED and not was_read
        if isinstance(error, AppDenied) or (is_closed and kind is not RequestKind.PLAYLIST):
            raise error
        logger.warning("%s", error)
        trail.refused = error
        trail.missing.append(Missing(kind.value, requested_id, str(error), listed))

    def _check_date(self, observed_at: datetime) -> None:
        observed_on = observed_at.astimezone(UTC).date()
        if observed_on != self._partition:
            self._halt(
                Stop(
                    StopReason.DATE_PASSED,
                    f"Spotify's date is {observed_on}, no longer {self._partition}: its responses belong to "
                    "another partition",
                )
            )
            raise WalkEnded

    def _walk(self, walk: Callable[[Trail], None], trail: Trail) -> None:
        if self._fatal is not None:
            return
        try:
            walk(trail)
        except WalkEnded:
            pass
        except UnreadableResponse as odd:
            logger.warning("%s", odd)
            trail.problems.append(odd)
        except (ApiUnavailable, BodyCutShort) as outage:
            # not raised: an album whose response is 500 for weeks must not keep its source from being loaded.
            # The caller gets the outage in the result, and decides between another try and a partial source.
            with self._lock:
                self._outages.append(outage)
                self._halted = self._halted or len(self._outages) > OUTAGES_TOLERATED
        except Exception as error:  # raised again by raise_failure, in the calling thread
            with self._lock:
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._fatal = self._fatal or error
        self._halted = True

    def _close(self, limit: RateLimited) -> None:
        quota = limit.reason == QUOTA_EXCEEDED
        reason = StopReason.QUOTA_EXCEEDED if quota else StopReason.RATE_LIMITED
        stop = Stop(reason, str(limit), limit.bucket, limit.deadline)
        if not quota:
            # the limit can apply to the whole app: calls to other buckets could prolong it
            self._halt(stop)
            return
        self._note(stop)

    def _note(self, stop: Stop) -> None:
        """Record the stop of one bucket; the stop with the latest deadline wins."""
        with self._lock:
            known = self._stop
            if known is None or (
                known.reason in _OF_ONE_BUCKET and (stop.deadline or _NEVER) > (known.deadline or _NEVER)
            ):
                self._stop = stop

    def _halt(self, stop: Stop) -> None:
        with self._lock:
            self._halted = True
            if self._stop is None or self._stop.reason in _OF_ONE_BUCKET:
                self._stop = stop


def _parsed(request: Request, stored: StoredBody) -> Any:
    try:
        # the same reader as for new responses, so that a resumed crawl gets equal values
        return read_json(stored.body)
    except ValueError:
        raise DamagedObject(
            f"the stored response to {request.method} {request.target} is not JSON: delete that raw "
            "object and run the partition again"
        ) from None


def note_missing(
    trail: Trail, kind: RequestKind, requested_id: str, error: NotFound, *, listed: bool = False
) -> None:
    """Add an id that Spotify does not know to the missing ones.

    Args:
        trail: Trail of the walk that requested it.
        kind: Kind of the record.
        requested_id: The id.
        error: The 404.
        listed: Whether the id comes from a listing.
    """
    way_out = (
        "a listing names it, so the next partition asks again" if listed else "check the id in sources.yml"
    )
    message = f"{error}: {way_out}"
    logger.warning("%s", message)
    trail.missing.append(Missing(kind.value, requested_id, message, listed))
