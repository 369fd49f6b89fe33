"""The state of one running sandbox, and the checks that every request to /v1 passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from spotify_sandbox.accounts.consent import Consent
from spotify_sandbox.accounts.library import Library
from spotify_sandbox.accounts.playlists import Playlists
from spotify_sandbox.accounts.tokens import Grant, TokenService, unauthorized
from spotify_sandbox.accounts.users import User, Users
from spotify_sandbox.calls import CallLog
from spotify_sandbox.catalogue.catalog import Catalog, CatalogSource
from spotify_sandbox.catalogue.render import Mode, Renderer
from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.faults import FaultScript
from spotify_sandbox.playback import Playback
from spotify_sandbox.responses import ApiError

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Sandbox:
    """Clock, catalogue, users, tokens, scripted faults and the log of calls of one server.

    Attributes:
        mode: Class of app that the sandbox plays the API for.
        clock: Source of every date in the responses.
        source: Catalogue of any date.
        tokens: Token endpoint and issued access tokens.
        seed: Seed of the users and their libraries.
        user_count: Number of users.
        playback: Recorded responses, which take precedence over the catalogue.
        faults: Script of faults.
        calls: Log of calls.
        users: Users who can log in.
        library: Saved tracks, plays and top tracks of the users.
        playlists: Playlists of the users.
        consent: The page on which a user lets the app read the account.
    """

    mode: Mode
    clock: SandboxClock
    source: CatalogSource
    tokens: TokenService
    seed: int = 1
    user_count: int = 3
    playback: Playback | None = None
    faults: FaultScript = field(default_factory=FaultScript)
    calls: CallLog = field(default_factory=CallLog)
    users: Users = field(init=False)
    library: Library = field(init=False)
    playlists: Playlists = field(init=False)
    consent: Consent = field(init=False)

    def __post_init__(self) -> None:
        self.users = Users(self.seed, self.user_count)
        self.library = Library(self.source, self.seed)
        self.playlists = Playlists(self.users, self.library, self.seed)
        self.consent = Consent(self.tokens.client_id, self.users, self.tokens.authorizations)

    def catalog(self) -> Catalog:
        """Return the catalogue of the current date.

        Raises:
            CatalogError: it cannot be read.
        """
        return self.source.on(self.clock.today())


def guarded(sandbox: Sandbox, handler: Handler, scope: str | None = None) -> Handler:
    """Return an endpoint that checks the token and the scope, and serves recorded responses.

    Args:
        sandbox: The running sandbox.
        handler: Endpoint that is called when the checks pass.
        scope: Scope that the login must include; client credentials never include one.
    """

    async def checked(request: Request) -> Response:
        try:
            grant = sandbox.tokens.check(request.headers.get("authorization"))
            request.state.grant = grant
            recorded = sandbox.playback.respond(request) if sandbox.playback else None
            if recorded is not None:
                return recorded
            if scope is not None:
                require(request, scope)
            return await handler(request)
        except ApiError as error:
            return error.response()

    return checked


def require(request: Request, scope: str) -> None:
    """Require that the token of a request belongs to a user who granted the scope.

    Raises:
        ApiError: 401 for client credentials, 403 without the scope.
    """
    grant: Grant = request.state.grant
    if grant.user_id is None:
        raise unauthorized("invalid_token", "Valid user authentication required")
    if scope not in grant.scopes:
        raise ApiError(403, "Insufficient client scope")


def user_of(sandbox: Sandbox, request: Request) -> User:
    """Return the user who is logged in.

    Raises:
        ApiError: 401 for client credentials.
    """
    grant: Grant = request.state.grant
    user = sandbox.users.find(grant.user_id) if grant.user_id is not None else None
    if user is None:
        raise unauthorized("invalid_token", "Valid user authentication required")
    return user


def renderer(sandbox: Sandbox, request: Request) -> Renderer:
    """Return a renderer of the current catalogue for the market of the request.

    Raises:
        ApiError: 400 if the market is not a country code.
    """
    market = request.query_params.get("market")
    if market == "from_token":
        market = user_of(sandbox, request).country
    if market is not None and not (len(market) == 2 and market.isascii() and market.isalpha()):
        raise ApiError(400, "Invalid market code")
    base = f"{request.url.scheme}://{request.url.netloc}/v1"
    return Renderer(sandbox.catalog(), sandbox.mode, base, market.upper() if market else None)


def given(request: Request, *names: str) -> dict[str, str]:
    """Return the named query parameters that the request has, for the links of a page."""
    return {name: request.query_params[name] for name in names if name in request.query_params}
