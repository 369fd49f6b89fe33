"""Sends HTTP requests with time-outs, a limit of size, and retries after outages."""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from spotify_pipeline.errors import ApiUnavailable, BodyCutShort, ConfigurationError
from spotify_pipeline.json_reading import read_json
from spotify_pipeline.spotify.headers import observed_at

logger = logging.getLogger(__name__)

# the other modules of the client name httpx through these
Auth = httpx.Auth
BasicAuth = httpx.BasicAuth
NO_AUTH = Auth()

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def is_on_this_machine(url: str) -> bool:
    """Return whether an address is on this machine, so that it is a sandbox."""
    return urlsplit(url).hostname in _LOOPBACK


@cache
def _certificates(_paths: ssl.DefaultVerifyPaths, *, trust_env: bool) -> ssl.SSLContext:
    """Return the trusted certificates, read once for each value of the variables that name them."""
    return httpx.create_ssl_context(trust_env=trust_env)


def trusted_certificates(*, trust_env: bool) -> ssl.SSLContext:
    """Return what httpx trusts; reading it takes longer than many calls, so clients share it."""
    # the paths differ with SSL_CERT_FILE and SSL_CERT_DIR
    return _certificates(ssl.get_default_verify_paths(), trust_env=trust_env)


class Bearer(Auth):
    """Adds a token to one request."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header `Authorization`."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@dataclass(frozen=True)
class RetryPolicy:
    """Capped exponential backoff with jitter for outages and cut responses; times in seconds."""

    attempts: int = 5
    wait_initial: float = 0.5
    wait_max: float = 10.0
    wait_jitter: float = 1.0

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after attempt number `attempt`, from 1, without jitter."""
        return min(self.wait_max, self.wait_initial * 2.0 ** (attempt - 1))


@dataclass(frozen=True)
class Response:
    """A complete response.

    `document` is the parsed body of a 2xx, None otherwise; `attempt` counts from 1.
    """

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    observed_at: datetime | None
    document: Any = field(default=None, repr=False, compare=False)
    attempt: int = 1


@contextmanager
def environment_errors() -> Iterator[None]:
    """Convert the errors of httpx for a proxy or a certificate variable that it cannot use.

    Raises:
        ConfigurationError: the variable is no URL of an HTTP or SOCKS proxy, or no file of certificates.
    """
    try:
        yield
    except OSError:  # a file is absent, not readable, or holds no certificate
        raise ConfigurationError(
            "the certificates that SSL_CERT_FILE or SSL_CERT_DIR of the environment names cannot be read: "
            "correct or unset it"
        ) from None
    except ValueError:  # its text may hold the proxy's password
        raise ConfigurationError(
            "a proxy variable of the environment (ALL_PROXY, HTTPS_PROXY) is not a proxy's URL: write "
            "http://host:port"
        ) from None


class Transport:
    """Thread-safe HTTP for one API. Follows no redirects, and bounds the time and size of every response."""

    def __init__(
        self, api_url: str, *, timeout: float, max_response_bytes: int, retries: RetryPolicy | None = None
    ) -> None:
        self._timeout = timeout
        self._max_bytes = max_response_bytes
        self._retries = retries or RetryPolicy()
        # a proxy of the environment serves outside addresses, not a sandbox on this machine
        self._trust_env = not is_on_this_machine(api_url)
        self._lock = threading.Lock()
        # each serves one request at a time: a client that threads share may close a connection in use,
        # https://github.com/encode/httpcore/issues/1110
        self._idle = [self._new_client()]
        self._calls: Counter[str] = Counter()
        self._api_time: tuple[datetime, float] | None = None

    def close(self) -> None:
        """Close all connections; no request may be under way."""
        while self._idle:
            self._idle.pop().close()

    def calls(self) -> Counter[str]:
        """Return the requests sent so far by bucket, repeats included."""
        with self._lock:
            return self._calls.copy()

    @property
    def knows_api_time(self) -> bool:
        """Whether any response has had a `Date`."""
        with self._lock:
            return self._api_time is not None

    def api_now(self) -> datetime:
        """Return the last `Date` plus the time since then; before any response, this machine's time."""
        with self._lock:
            known = self._api_time
        if known is None:
            return datetime.now(UTC)
        return known[0] + timedelta(seconds=time.monotonic() - known[1])

    def wait(self, attempt: int) -> None:
        """Wait before a call is repeated, after the refusal of attempt number `attempt`."""
        time.sleep(self._retries.pause(attempt) + random.uniform(0, self._retries.wait_jitter))  # noqa: S311

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
    ) -> Response:
        """Send a request until a complete response below 500 arrives; call `admit` before each attempt.

        Raises:
            ApiUnavailable: Every attempt met a 5xx, a time-out or a lost connection.
            BodyCutShort: Every attempt gave a response that ended early or is not JSON.
            ConfigurationError: The response is larger than the setting allows.
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
                with self._client() as http:
                    request = http.build_request(method, url, params=params or None, data=data)
                    response = self._attempt(
                        http, request, auth, bucket, f"{attempt.num} of {policy.attempts}"
                    )
                return replace(response, attempt=attempt.num)
        raise AssertionError("stamina either returns or raises")

    def _new_client(self) -> httpx.Client:
        with environment_errors():
            return httpx.Client(
                timeout=httpx.Timeout(self._timeout, connect=min(self._timeout, 10.0)),
                follow_redirects=False,
                trust_env=self._trust_env,
                verify=trusted_certificates(trust_env=self._trust_env),
                headers={"Accept": "application/json", "User-Agent": "spotify-pipeline"},
            )

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        """Lend a client, with the connection of its last request, to one request."""
        with self._lock:
            client = self._idle.pop() if self._idle else None
        client = client or self._new_client()
        try:
            yield client
        finally:
            with self._lock:
                self._idle.append(client)

    def _attempt(
        self, http: httpx.Client, request: httpx.Request, auth: httpx.Auth, bucket: str, attempt: str
    ) -> Response:
        what = f"{request.method} {request.url.host}{request.url.path}"
        started = time.monotonic()
        status: int | str = "no response"
        with self._lock:
            self._calls[bucket] += 1
        try:
            stream = http.send(request, auth=auth, stream=True)
            try:
                status = stream.status_code
                response = Response(
                    status,
                    stream.headers,
                    self._read(stream, what, started + self._timeout),
                    observed_at(stream.headers.get_list("date")),
                )
            finally:
                stream.close()
        except httpx.DecodingError as error:
            raise BodyCutShort(
                f"{what}: the response cannot be unpacked ({error}), attempt {attempt}"
            ) from None
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            if status == "no response":
                raise ApiUnavailable(
                    f"{what} cannot be reached ({reason}), attempt {attempt}: check the network, "
                    "try again later"
                ) from None
            raise BodyCutShort(f"{what}: the response ended early ({reason}), attempt {attempt}") from None
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            logger.info(
                "%s %s %s %.0f ms [%s]", request.method, request.url.path, status, milliseconds, bucket
            )
        self._note_time(response.observed_at)
        return self._checked_response(response, what, attempt)

    def _read(self, stream: httpx.Response, what: str, deadline: float) -> bytes:
        """Read a body of at most the allowed size before `deadline` (a server may send a byte a second)."""
        parts: list[bytes] = []
        size = 0
        for part in stream.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > self._max_bytes:
                raise ConfigurationError(
                    f"{what} responds with more than {self._max_bytes} bytes: raise "
                    "SPOTIFY_PIPELINE_MAX_RESPONSE_BYTES if that is right"
                )
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(f"not complete after {self._timeout:g} s")
        return b"".join(parts)

    def _checked_response(self, response: Response, what: str, attempt: str) -> Response:
        if response.status >= 500:
            raise ApiUnavailable(
                f"{what} responds with {response.status}, attempt {attempt}: try again later"
            )
        if not 200 <= response.status < 300:
            return response
        try:
            # this reader accepts a page with a bad value in one record
            document = read_json(response.body)
        except ValueError:
            start = response.body[:60].decode("utf-8", "replace")
            raise BodyCutShort(
                f"{what}: {len(response.body)} bytes that are not complete JSON, starting {start!r}, "
                f"attempt {attempt}"
            ) from None
        return replace(response, document=document)

    def _note_time(self, moment: datetime | None) -> None:
        if moment is not None:
            with self._lock:
                self._api_time = (moment, time.monotonic())
