"""Serves the control endpoints under /_sandbox, without a token, but to loopback clients only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spotify_sandbox.accounts.authorizations import SCOPES, Authorization
from spotify_sandbox.catalogue.catalog import CatalogError
from spotify_sandbox.clock import parse_instant
from spotify_sandbox.faults import Fault
from spotify_sandbox.responses import JsonResponse
from spotify_sandbox.sandbox import Handler, Sandbox


class Control:
    """Control of clock, faults, calls and catalogue; a bad request gets 400 with `{"error": message}`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the routes."""
        handlers: list[tuple[str, str, Handler]] = [
            ("GET", "health", self.health),
            ("GET", "clock", self.clock),
            ("PUT", "clock", self.set_clock),
            ("GET", "faults", self.faults),
            ("POST", "faults", self.add_faults),
            ("DELETE", "faults", self.clear_faults),
            ("GET", "calls", self.calls),
            ("DELETE", "calls", self.reset_calls),
            ("GET", "catalog", self.catalog),
        ]
        return control_routes(handlers)

    async def health(self, request: Request) -> Response:
        """Return the mode and the served date."""
        served = self._sandbox.catalog().served_date
        return JsonResponse({"status": "ok", "mode": self._sandbox.mode, "served_date": served.isoformat()})

    async def clock(self, request: Request) -> Response:
        """Return the clock: `{"now", "frozen"}`."""
        clock = self._sandbox.clock
        return JsonResponse({"now": clock.now().isoformat(), "frozen": clock.frozen})

    async def set_clock(self, request: Request) -> Response:
        """Set the clock: `{"now"?: ISO 8601, "frozen"?: bool}`. Reads the catalogue of that date."""
        body = await object_body(request, "now", "frozen")
        frozen = body.get("frozen")
        if frozen is not None and not isinstance(frozen, bool):
            raise ValueError("frozen must be true or false")
        now = parse_instant(str(body["now"])) if "now" in body else None
        if now is not None:
            self._sandbox.source.on(now.date())
        self._sandbox.clock.set(now, frozen=frozen)
        return await self.clock(request)

    async def faults(self, request: Request) -> Response:
        """Return the script, with how often each fault matched and was applied."""
        return JsonResponse({"faults": [asdict(fault) for fault in self._sandbox.faults.faults]})

    async def add_faults(self, request: Request) -> Response:
        """Append one fault or a list of them to the script."""
        body = orjson.loads(await request.body())
        added = [Fault.from_json(each) for each in (body if isinstance(body, list) else [body])]
        self._sandbox.faults.faults.extend(added)
        return await self.faults(request)

    async def clear_faults(self, request: Request) -> Response:
        """Remove all faults."""
        self._sandbox.faults.faults.clear()
        return await self.faults(request)

    async def calls(self, request: Request) -> Response:
        """Return totals and recent calls: `?since=NUMBER&recent=N`."""
        since = int(request.query_params.get("since", 0))
        recent = int(request.query_params.get("recent", 100))
        return JsonResponse(self._sandbox.calls.report(since, recent))

    async def reset_calls(self, request: Request) -> Response:
        """Remove all calls from the log."""
        self._sandbox.calls.reset()
        return JsonResponse(self._sandbox.calls.report())

    async def catalog(self, request: Request) -> Response:
        """Return the served date, counts, and the id and name of every artist."""
        catalog = self._sandbox.catalog()
        artists = [{"id": artist.id, "name": artist.name} for artist in catalog.artists()]
        return JsonResponse(
            {
                "served_date": catalog.served_date.isoformat(),
                "counts": asdict(catalog.counts()),
                "artists": artists,
            }
        )


def control_routes(handlers: Iterable[tuple[str, str, Handler]]) -> list[Route]:
    """Return routes under /_sandbox for (method, name, handler), for loopback clients only."""
    return [
        Route(f"/_sandbox/{name}", _guarded(handler), methods=[method]) for method, name, handler in handlers
    ]


async def object_body(request: Request, *known: str) -> dict[str, Any]:
    """Read the JSON object of a request.

    Raises:
        ValueError: the body is something else, or has an unknown key.
    """
    body = orjson.loads(await request.body())
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    if unknown := set(body) - set(known):
        raise ValueError(f"unknown key {sorted(unknown)[0]}; known are {', '.join(known)}")
    return body


def _guarded(handler: Handler) -> Handler:
    async def checked(request: Request) -> Response:
        if request.client is None or not ip_address(request.client.host).is_loopback:
            return JsonResponse({"error": "control calls are accepted on the loopback interface only"}, 403)
        try:
            return await handler(request)
        except CatalogError as error:
            return JsonResponse({"error": str(error)}, 500)
        except (ValueError, TypeError) as error:
            return JsonResponse({"error": str(error)}, 400)

    return checked


class UserControl:
    """Control of users, logins and access tokens."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the routes."""
        handlers: list[tuple[str, str, Handler]] = [
            ("GET", "users", self.users),
            ("DELETE", "users", self.reset_users),
            ("GET", "playlists", self.playlists),
            ("GET", "consent", self.consent),
            ("PUT", "consent", self.set_consent),
            ("GET", "authorizations", self.authorizations),
            ("POST", "authorizations", self.authorize),
            ("DELETE", "authorizations", self.revoke),
            ("PUT", "tokens", self.expire_tokens),
            ("DELETE", "tokens", self.revoke_tokens),
        ]
        return control_routes(handlers)

    async def users(self, request: Request) -> Response:
        """Return every user."""
        listed = [
            {
                "id": user.id,
                "display_name": user.display_name,
                "country": user.country,
            }
            for user in self._sandbox.users.everyone()
        ]
        return JsonResponse({"users": listed})

    async def reset_users(self, request: Request) -> Response:
        """Reset to the state at the start: no login, and every request for consent shows the page."""
        self._sandbox.tokens.authorizations.revoke()
        self._sandbox.tokens.authorizations.clear()
        self._sandbox.consent.auto_user, self._sandbox.consent.denies = None, False
        return await self.users(request)

    async def playlists(self, request: Request) -> Response:
        """Return every playlist: id, name, owner, followers, number of entries now."""
        playlists, now = self._sandbox.playlists, self._sandbox.clock.now()
        listed = [
            {
                "id": playlist.id,
                "name": playlist.name,
                "owner": playlist.owner_id,
                "public": playlist.public,
                "collaborative": playlist.collaborative,
                "followers": sorted(playlist.followers),
                "entries": len(playlists.entries(playlist, now)),
            }
            for playlist in playlists.all()
        ]
        return JsonResponse({"playlists": listed})

    async def consent(self, request: Request) -> Response:
        """Return the rule for requests for consent: `{"auto_approve": user id or null, "deny"}`."""
        consent = self._sandbox.consent
        return JsonResponse({"auto_approve": consent.auto_user, "deny": consent.denies})

    async def set_consent(self, request: Request) -> Response:
        """Set the rule for requests for consent: `{"auto_approve": user id or null, "deny"?: bool}`."""
        body = await object_body(request, "auto_approve", "deny")
        user_id, denies = body.get("auto_approve"), body.get("deny", False)
        if not isinstance(denies, bool):
            raise ValueError("deny must be true or false")
        consent = self._sandbox.consent
        consent.auto_user = self._sandbox.users.get(str(user_id)).id if user_id is not None else None
        consent.denies = denies
        return await self.consent(request)

    async def authorizations(self, request: Request) -> Response:
        """Return every login, oldest first, with the state of its refresh token."""
        known = self._sandbox.tokens.authorizations.everyone()
        return JsonResponse({"authorizations": [self._described(one) for one in known]})

    async def authorize(self, request: Request) -> Response:
        """Log a user in without a browser: `{"user", "scopes"?, "authorized_at"?, "refresh_token"?}`.

        The defaults are every scope, now and a new token. The response has the refresh token, as for a login
        with PKCE. A given token is rotated as any other; a login that has or had it is replaced.
        """
        body = await object_body(request, "user", "scopes", "authorized_at", "refresh_token")
        scopes = body.get("scopes", sorted(SCOPES))
        if not isinstance(scopes, list) or not set(scopes) <= SCOPES:
            raise ValueError(f"scopes must be a list of {', '.join(sorted(SCOPES))}")
        refresh_token = body.get("refresh_token")
        if not (refresh_token is None or (isinstance(refresh_token, str) and refresh_token)):
            raise ValueError("refresh_token must be text")
        tokens = self._sandbox.tokens
        made = tokens.authorizations.grant(
            tokens.client_id,
            self._sandbox.users.get(str(body.get("user"))).id,
            frozenset(scopes),
            authorized_at=parse_instant(str(body["authorized_at"])) if "authorized_at" in body else None,
            refresh_token=refresh_token,
        )
        return JsonResponse(self._described(made) | {"refresh_token": made.refresh_token})

    async def revoke(self, request: Request) -> Response:
        """Remove the app from the account of one user (`?user=ID`) or of all users."""
        user_id = request.query_params.get("user")
        if user_id is not None:
            self._sandbox.users.get(user_id)
        return JsonResponse({"revoked": self._sandbox.tokens.authorizations.revoke(user_id)})

    async def expire_tokens(self, request: Request) -> Response:
        """Expire every access token: `{"expired": true}`."""
        body = await object_body(request, "expired")
        if body.get("expired") is not True:
            raise ValueError("expired must be true")
        return JsonResponse({"expired": self._sandbox.tokens.expire_all()})

    async def revoke_tokens(self, request: Request) -> Response:
        """Make every access token invalid."""
        return JsonResponse({"revoked": self._sandbox.tokens.revoke_all()})

    def _described(self, one: Authorization) -> dict[str, Any]:
        return {
            "number": one.number,
            "user": one.user_id,
            "scopes": sorted(one.scopes),
            "authorized_at": one.authorized_at.isoformat(),
            "expires_at": one.expires_at.isoformat(),
            "refreshes": one.refreshes,
            "revoked": one.revoked,
            "expired": one.expires_at <= self._sandbox.clock.now(),
        }
