"""The client of the Web API: GET requests with a token, within all limits; responses carry their time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from spotify_pipeline.connections import SPOTIFY_API, ConnectionInfo
from spotify_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    NotFound,
    PipelineError,
    RateLimited,
    RequestRefused,
)
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.endpoints import AppClass, bucket_of, is_plain_path
from spotify_pipeline.spotify.headers import QUOTA_EXCEEDED, retry_after
from spotify_pipeline.spotify.limits import (
    CallBudget,
    CooldownGate,
    MemoryCallBudget,
    MemoryCooldownGate,
    Pacer,
    RollingWindowPacer,
)
from spotify_pipeline.spotify.links import Link, check_link
from spotify_pipeline.spotify.login_store import LoginStore
from spotify_pipeline.spotify.refusals import may_be_mistaken, read_error, refusal
from spotify_pipeline.spotify.tokens import AccessToken, ClientCredentials, TokenProvider
from spotify_pipeline.spotify.transport import Bearer, Response, RetryPolicy, Transport, is_on_this_machine
from spotify_pipeline.spotify.user_tokens import UserLogin

DEFAULT_API_URL = "https://api.spotify.com/v1"
DEFAULT_ACCOUNTS_URL = "https://accounts.spotify.com"
REFUSALS_RETRIED = 2
"""Number of times that a call is repeated after a refusal that Spotify is known to send in error."""
WAITS_MAX = 5
"""Number of times that a call waits for a short Retry-After before its bucket is closed."""


@dataclass(frozen=True)
class ApiResponse:
    """A complete response with status 200: `body` after content decoding, and `document` parsed from it.

    `observed_at` is the `Date` header of the response, in UTC.
    """

    status: int
    body: bytes = field(repr=False)
    observed_at: datetime
    path: str
    params: tuple[tuple[str, str], ...]
    bucket: str
    document: Any = field(repr=False, compare=False)


class SpotifyClient:
    """Thread-safe reader of the Web API; close it, or use it as a context manager."""

    def __init__(
        self,
        transport: Transport,
        tokens: TokenProvider,
        *,
        api_url: str = DEFAULT_API_URL,
        app_class: AppClass = AppClass.DEVELOPMENT,
        retry_after_wait_max: float = 60,
        gate: CooldownGate | None = None,
        pacer: Pacer | None = None,
        budget: CallBudget | None = None,
        time_tokens: TokenProvider | None = None,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.app_class = app_class
        self._transport = transport
        self._tokens = tokens
        self._time_tokens = time_tokens or tokens
        self._wait_max = retry_after_wait_max
        self._gate = gate or MemoryCooldownGate()
        self._pacer = pacer or RollingWindowPacer()
        self._budget = budget or MemoryCallBudget()

    @classmethod
    def from_connection(
        cls,
        connection: ConnectionInfo,
        settings: Settings,
        *,
        gate: CooldownGate | None = None,
        pacer: Pacer | None = None,
        budget: CallBudget | None = None,
        retries: RetryPolicy | None = None,
        login: LoginStore | None = None,
        hide_secret: Callable[[str], None] = lambda _secret: None,
    ) -> Self:
        """Make a client for connection `spotify_api` (login = client id, password = client secret).

        With `login`, it reads as that user instead of as the app. `hide_secret` is called with each token, so
        that logs can mask it.

        Raises:
            ConfigurationError: A field is missing, or an address or the app_class is not usable.
        """
        api_url = address_of(connection, "api_url", DEFAULT_API_URL)
        accounts_url = address_of(connection, "accounts_url", DEFAULT_ACCOUNTS_URL)
        transport = Transport(
            api_url,
            timeout=settings.request_timeout,
            max_response_bytes=settings.max_response_bytes,
            retries=retries,
        )
        app_tokens = ClientCredentials(
            transport,
            accounts_url,
            connection.require("login"),
            connection.require("password") if login is None else connection.password or "",
            hide_secret=hide_secret,
        )
        tokens: TokenProvider = app_tokens
        if login is not None:
            tokens = UserLogin(transport, accounts_url, login, hide_secret=hide_secret)
        return cls(
            transport,
            tokens,
            api_url=api_url,
            app_class=app_class_of(connection),
            retry_after_wait_max=settings.retry_after_wait_max,
            gate=gate,
            pacer=pacer,
            budget=budget,
            time_tokens=app_tokens,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, those of the pacer and the budget too."""
        self._transport.close()
        self._pacer.close()
        self._budget.close()

    def calls(self) -> Counter[str]:
        """Return the requests sent so far by bucket, repeats and token requests included."""
        return self._transport.calls()

    def api_now(self) -> datetime:
        """Return the API's time by its last `Date` header; request a token if there was no response yet.

        Raises:
            AuthenticationError, TransientError: the token endpoint refuses or cannot serve.
        """
        if not self._transport.knows_api_time:
            self._tokens.token()
        if not self._transport.knows_api_time:
            # a token that another task has stored has no response and so no Date; the Date of a
            # refusal is as good, since reading as a user needs no app secret
            with suppress(AuthenticationError):
                self._time_tokens.token()
        return self._transport.api_now()

    def follow(self, url: str) -> Link:
        """Check a `next` link.

        Raises:
            UnsafeLink: it leaves the API's own host and path.
        """
        return check_link(url, self.api_url)

    def get(self, path: str, params: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> ApiResponse:
        """GET `path` (below the API's address) and return the whole response.

        Raises:
            RateLimited: The bucket is closed; raised without a call if the gate knows it.
            CallBudgetSpent: The run has made all the calls that it may; raised without a call.
            ApiUnavailable, BodyCutShort: No whole response after all attempts.
            AuthenticationError, PermissionDenied, NotFound, RequestRefused, UnsafeLink: Spotify's refusals.
            ConfigurationError: The response has no usable Date, or is larger than allowed.
        """
        if not is_plain_path(path):
            raise RequestRefused(f"{path!r} is not a path of the Web API: it is not requested")
        pairs = tuple(sorted(params.items() if isinstance(params, Mapping) else params))
        bucket = bucket_of("GET", path)
        waits = refusals = 0
        self.api_now()  # known before the first call: deadlines and the end of a login are compared with it
        while True:
            token = self._tokens.token()
            response = self._send(path, pairs, bucket, token)
            if response.status == 200:
                return self._response(response, path, pairs, bucket)
            if response.status == 429:
                self._hold(response, bucket, may_wait=waits < WAITS_MAX)
                waits += 1
            elif refusals < REFUSALS_RETRIED and may_be_mistaken(response):
                if response.status == 401:
                    self._tokens.discard(token)
                if response.status != 401 or refusals:  # an ended token is renewed at once
                    self._transport.wait(refusals + 1)
                refusals += 1
            else:
                error = _without(token, refusal(response, path))
                if isinstance(error, NotFound):
                    error.observed_at = response.observed_at
                raise error

    def _send(
        self, path: str, pairs: tuple[tuple[str, str], ...], bucket: str, token: AccessToken
    ) -> Response:
        def admit() -> None:
            # the pacer first: a bucket may be closed while this call waits
            self._pacer.acquire(bucket)
            self._gate.check(bucket, self.api_now())
            # last: only a call that is really made is counted
            self._budget.spend(bucket)

        return self._transport.send(
            "GET", self.api_url + path, bucket=bucket, auth=Bearer(token.value), params=pairs, admit=admit
        )

    def _hold(self, response: Response, bucket: str, *, may_wait: bool) -> None:
        """Wait for the end of a short 429, or close the bucket.

        Raises:
            RateLimited: The wait is long, the quota is used up, or this call has waited often enough.
        """
        now = response.observed_at or self._transport.api_now()
        reason = read_error(response.body).reason
        wait = retry_after(response.headers.get("retry-after"), now, reason)
        if may_wait and reason != QUOTA_EXCEEDED and wait.total_seconds() <= self._wait_max:
            self._pacer.pause(wait.total_seconds())
            return
        deadline = now + wait
        self._gate.close(bucket, deadline, reason)
        raise RateLimited.of(bucket, deadline, reason)

    def _response(
        self, response: Response, path: str, pairs: tuple[tuple[str, str], ...], bucket: str
    ) -> ApiResponse:
        if response.observed_at is None:
            raise ConfigurationError(
                f"GET {path} comes without one readable Date header, from which this pipeline takes the "
                "date: set the proxy between here and Spotify to leave it as it is"
            )
        return ApiResponse(200, response.body, response.observed_at, path, pairs, bucket, response.document)


def app_class_of(connection: ConnectionInfo) -> AppClass:
    """Return the class of the app from the connection's extra `app_class`, by default Development Mode.

    Raises:
        ConfigurationError: it names no class.
    """
    value = connection.extra.get("app_class") or AppClass.DEVELOPMENT
    try:
        return AppClass(str(value))
    except ValueError:
        allowed = " or ".join(AppClass)
        raise ConfigurationError(
            f"connection '{SPOTIFY_API}' has app_class {value!r}: set it to {allowed}"
        ) from None


def address_of(connection: ConnectionInfo, name: str, default: str) -> str:
    """Return the address in the connection's extra `name`, or `default`, without a slash at its end.

    The client secret and tokens are sent to it. Without TLS, only this machine is accepted, or any host if
    the connection has `allow_http` in its extra.

    Raises:
        ConfigurationError: it is not a plain http(s) address, or is on another host without TLS.
    """
    value = str(connection.extra.get(name) or default).rstrip("/")
    try:
        parts = urlsplit(value)
        usable = (
            parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        usable = False
    if not usable or parts.username or parts.query or parts.fragment:
        raise ConfigurationError(
            f"connection '{connection.conn_id}' has an {name} that is not a plain http(s) address: "
            f"the usual one is {default}"
        )
    allowed = str(connection.extra.get("allow_http", "")).lower() == "true"
    if parts.scheme == "http" and not (allowed or is_on_this_machine(value)):
        raise ConfigurationError(
            f"connection '{connection.conn_id}' would send secrets to {parts.hostname} without TLS: "
            f"set {name} to an https address, or allow_http to true for a sandbox on a private network"
        )
    return value


def _without(token: AccessToken, error: PipelineError) -> PipelineError:
    """Return the error without the token, which the response may have echoed."""
    return type(error)(str(error).replace(token.value, "***")) if token.value in str(error) else error
