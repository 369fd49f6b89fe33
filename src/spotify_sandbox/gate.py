"""What every request to /v1 passes before its endpoint: token, allow-list, limits, playback, scope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from spotify_sandbox.errors import ApiError
from spotify_sandbox.render import Mode, Renderer
from spotify_sandbox.state import Sandbox
from spotify_sandbox.tokens import Grant, unauthorized
from spotify_sandbox.users import User

Handler = Callable[[Request], Awaitable[Response]]
# in Spotify's words, and as plain text like it
_NOT_REGISTERED = "Check settings on developer.spotify.com/dashboard, the user may not be registered."


def guarded(sandbox: Sandbox, handler: Handler, scope: str | None = None) -> Handler:
    """An endpoint behind the gate. scope: what the login must include; client credentials never do."""

    async def answer(request: Request) -> Response:
        try:
            grant = sandbox.tokens.check(request.headers.get("authorization"))
            if grant.user_id is not None and not _is_allowed(sandbox, grant.user_id):
                return PlainTextResponse(_NOT_REGISTERED, 403)
            sandbox.limits.admit(request.url.path)
            request.state.grant = grant
            recorded = sandbox.playback.answer(request) if sandbox.playback else None
            if recorded is not None:
                return recorded
            if scope is not None:
                require(request, scope)
            return await handler(request)
        except ApiError as error:
            return error.response()

    return answer


def require(request: Request, scope: str) -> None:
    """Raises ApiError when the request's token does not stand for a user who agreed to the scope."""
    grant: Grant = request.state.grant
    if grant.user_id is None:
        raise unauthorized("invalid_token", "Valid user authentication required")
    if scope not in grant.scopes:
        raise ApiError(403, "Insufficient client scope")


def user_of(sandbox: Sandbox, request: Request) -> User:
    """The user who is logged in. Raises ApiError 401 for client credentials."""
    grant: Grant = request.state.grant
    user = sandbox.users.find(grant.user_id) if grant.user_id is not None else None
    if user is None:
        raise unauthorized("invalid_token", "Valid user authentication required")
    return user


def renderer(sandbox: Sandbox, request: Request) -> Renderer:
    """A renderer of today's catalogue for the request's market. Raises ApiError 400 for no market's code."""
    market = request.query_params.get("market")
    if market == "from_token":
        market = user_of(sandbox, request).country
    if market is not None and not (len(market) == 2 and market.isascii() and market.isalpha()):
        raise ApiError(400, "Invalid market code")
    base = f"{request.url.scheme}://{request.url.netloc}/v1"
    return Renderer(sandbox.catalog(), sandbox.mode, base, market.upper() if market else None)


def given(request: Request, *names: str) -> dict[str, str]:
    """Those of the named query parameters that the request has, for the links of a page."""
    return {name: request.query_params[name] for name in names if name in request.query_params}


def _is_allowed(sandbox: Sandbox, user_id: str) -> bool:
    return sandbox.mode is Mode.EXTENDED or sandbox.users.is_allowed(user_id)
