"""One HTTP exchange: time-outs, size bound, outage retries; knows nothing of tokens or buckets' meaning."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from spotify_pipeline.errors import ApiUnavailable, BodyCutShort, ConfigurationError
from spotify_pipeline.json_reading import read_json
from spotify_pipeline.spotify.headers import observed_at

logger = logging.getLogger(__name__)

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def is_on_this_machine(url: str) -> bool:
    """Whether an address is a stand-in here rather than Spotify."""
    return urlsplit(url).hostname in _LOOPBACK


@dataclass(frozen=True)
class RetryPolicy:
    """Capped exponential backoff with jitter for 5xx, lost connections and cut answers; times in seconds."""

    attempts: int = 5
    wait_initial: float = 0.5
    wait_max: float = 10.0
    wait_jitter: float = 1.0

    def without_waiting(self) -> RetryPolicy:
        """The same number of attempts, one straight after the other (for tests)."""
        return replace(self, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)


@dataclass(frozen=True)
class Answer:
    """What came back. `document` is the parsed body of a 200, None otherwise."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    observed_at: datetime | None
    document: Any = field(default=None, repr=False, compare=False)


class Transport:
    """Thread-safe HTTP for one API. Follows no redirects, and bounds the time and size of every answer."""

    def __init__(
        self, api_url: str, *, timeout: float, max_response_bytes: int, retries: RetryPolicy | None = None
    ) -> None:
        self._timeout = timeout
        self._max_bytes = max_response_bytes
        self._retries = retries or RetryPolicy()
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
            follow_redirects=False,
            # a proxy of the environment is meant for the world outside, not for a stand-in on this machine
            trust_env=not is_on_this_machine(api_url),
            headers={"Accept": "application/json", "User-Agent": "spotify-pipeline"},
        )
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._api_time: tuple[datetime, float] | None = None

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def calls(self) -> Counter[str]:
        """Requests sent so far by bucket, repeats included."""
        with self._lock:
            return self._calls.copy()

    @property
    def knows_api_time(self) -> bool:
        """Whether an answer has told the API's time yet."""
        with self._lock:
            return self._api_time is not None

    def api_now(self) -> datetime:
        """The API's time: its last `Date` plus what has passed since; this machine's before any answer."""
        with self._lock:
            known = self._api_time
        if known is None:
            return datetime.now(UTC)
        return known[0] + timedelta(seconds=time.monotonic() - known[1])

    def send(
        self,
        method: str,
        url: str,
        *,
        bucket: str,
        auth: httpx.Auth,
        params: tuple[tuple[str, str], ...] = (),
        data: Mapping[str, str] | None = None,
        admit: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send until an answer below 500 has come whole; `admit` is called before each attempt.

        Raises:
            ApiUnavailable: every attempt met a 5xx, a time-out or a lost connection.
            BodyCutShort: every attempt gave an answer that ended early or is not JSON.
            ConfigurationError: the answer is larger than the setting allows.
        """
        policy = self._retries
        for attempt in stamina.retry_context(
            on=(ApiUnavailable, BodyCutShort),
            attempts=policy.attempts,
            timeout=None,
            wait_initial=policy.wait_initial,
            wait_max=policy.wait_max,
            wait_jitter=policy.wait_jitter,
        ):
            with attempt:
                admit()
                request = self._http.build_request(method, url, params=params or None, data=data)
                return self._attempt(request, auth, bucket, f"{attempt.num} of {policy.attempts}")
        raise AssertionError("stamina either returns or raises")

    def _attempt(self, request: httpx.Request, auth: httpx.Auth, bucket: str, attempt: str) -> Answer:
        what = f"{request.method} {request.url.host}{request.url.path}"
        started = time.monotonic()
        status: int | str = "no answer"
        with self._lock:
            self._calls[bucket] += 1
        try:
            response = self._http.send(request, auth=auth, stream=True)
            try:
                status = response.status_code
                answer = Answer(
                    status,
                    response.headers,
                    self._read(response, what, started + self._timeout),
                    observed_at(response.headers.get_list("date")),
                )
            finally:
                response.close()
        except httpx.DecodingError as error:
            raise BodyCutShort(
                f"{what}: the answer cannot be unpacked ({error}), attempt {attempt}"
            ) from None
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            if status == "no answer":
                raise ApiUnavailable(
                    f"{what} cannot be reached ({reason}), attempt {attempt}: check the network, "
                    "try again later"
                ) from None
            raise BodyCutShort(f"{what}: the answer ended early ({reason}), attempt {attempt}") from None
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            logger.info(
                "%s %s %s %.0f ms [%s]", request.method, request.url.path, status, milliseconds, bucket
            )
        self._note_time(answer.observed_at)
        return self._judge(answer, what, attempt)

    def _read(self, response: httpx.Response, what: str, deadline: float) -> bytes:
        """Body of at most the allowed size, read before `deadline` (a server may send a byte a second)."""
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > self._max_bytes:
                raise ConfigurationError(
                    f"{what} answers more than {self._max_bytes} bytes: raise "
                    "SPOTIFY_PIPELINE_MAX_RESPONSE_BYTES if that is right"
                )
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(f"not whole after {self._timeout:g} s")
        return b"".join(parts)

    def _judge(self, answer: Answer, what: str, attempt: str) -> Answer:
        if answer.status >= 500:
            raise ApiUnavailable(f"{what} answers {answer.status}, attempt {attempt}: try again later")
        if not 200 <= answer.status < 300:
            return answer
        try:
            # what one record holds must not keep its whole page away
            document = read_json(answer.body)
        except ValueError:
            start = answer.body[:60].decode("utf-8", "replace")
            raise BodyCutShort(
                f"{what}: {len(answer.body)} bytes that are not whole JSON, starting {start!r}, "
                f"attempt {attempt}"
            ) from None
        return replace(answer, document=document)

    def _note_time(self, moment: datetime | None) -> None:
        if moment is not None:
            with self._lock:
                self._api_time = (moment, time.monotonic())
