"""The endpoints under /_sandbox for users, logins, access tokens and limits."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spotify_sandbox.authorizations import SCOPES, Authorization
from spotify_sandbox.clock import parse_instant
from spotify_sandbox.control_api import Handler, control_routes, object_body
from spotify_sandbox.errors import JsonResponse
from spotify_sandbox.limits import LimitSettings
from spotify_sandbox.state import Sandbox


class UserControl:
    """Answers control calls about users; a bad one is 400 with `{"error": message}`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Routes of the control endpoints."""
        handlers: list[tuple[str, str, Handler]] = [
            ("GET", "users", self.users),
            ("PUT", "users", self.allow_user),
            ("DELETE", "users", self.reset_users),
            ("GET", "playlists", self.playlists),
            ("GET", "consent", self.consent),
            ("PUT", "consent", self.set_consent),
            ("GET", "authorizations", self.authorizations),
            ("POST", "authorizations", self.authorize),
            ("DELETE", "authorizations", self.revoke),
            ("PUT", "tokens", self.expire_tokens),
            ("DELETE", "tokens", self.revoke_tokens),
            ("GET", "limits", self.limits),
            ("PUT", "limits", self.set_limits),
            ("DELETE", "limits", self.reset_limits),
        ]
        return control_routes(handlers)

    async def users(self, request: Request) -> Response:
        """Every user, and whether the app's allow-list has the user."""
        users = self._sandbox.users
        listed = [
            {
                "id": user.id,
                "display_name": user.display_name,
                "country": user.country,
                "allowed": users.is_allowed(user.id),
            }
            for user in users.everyone()
        ]
        return JsonResponse({"users": listed})

    async def allow_user(self, request: Request) -> Response:
        """Put a user on the allow-list or take one off: `{"id", "allowed": bool}`."""
        body = await object_body(request, "id", "allowed")
        if not isinstance(body.get("allowed"), bool):
            raise ValueError("allowed must be true or false")
        self._sandbox.users.allow(str(body.get("id")), body["allowed"])
        return await self.users(request)

    async def reset_users(self, request: Request) -> Response:
        """As at the start: nobody has logged in, the allow-list is the first, every page asks for consent."""
        self._sandbox.tokens.authorizations.revoke()
        self._sandbox.tokens.authorizations.clear()
        self._sandbox.users.reset_allow_list()
        self._sandbox.consent.auto_user, self._sandbox.consent.denies = None, False
        return await self.users(request)

    async def playlists(self, request: Request) -> Response:
        """Every playlist: id, name, owner, who else lists it, number of entries now."""
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
        """Who answers authorization requests by themselves: `{"auto_approve": user id or null, "deny"}`."""
        consent = self._sandbox.consent
        return JsonResponse({"auto_approve": consent.auto_user, "deny": consent.denies})

    async def set_consent(self, request: Request) -> Response:
        """`{"auto_approve": user id, or null for the page, "deny"?: bool}`."""
        body = await object_body(request, "auto_approve", "deny")
        user_id, denies = body.get("auto_approve"), body.get("deny", False)
        if not isinstance(denies, bool):
            raise ValueError("deny must be true or false")
        consent = self._sandbox.consent
        consent.auto_user = self._sandbox.users.get(str(user_id)).id if user_id is not None else None
        consent.denies = denies
        return await self.consent(request)

    async def authorizations(self, request: Request) -> Response:
        """Every login, oldest first, with the state of its refresh token."""
        known = self._sandbox.tokens.authorizations.everyone()
        return JsonResponse({"authorizations": [self._described(one) for one in known]})

    async def authorize(self, request: Request) -> Response:
        """A login without a browser: `{"user", "scopes"?: [..], "authorized_at"?: ISO 8601}`.

        Default: every scope, now. The answer holds the refresh token, made as PKCE makes it.
        """
        body = await object_body(request, "user", "scopes", "authorized_at")
        scopes = body.get("scopes", sorted(SCOPES))
        if not isinstance(scopes, list) or not set(scopes) <= SCOPES:
            raise ValueError(f"scopes must be a list of {', '.join(sorted(SCOPES))}")
        tokens = self._sandbox.tokens
        made = tokens.authorizations.grant(
            tokens.client_id,
            self._sandbox.users.get(str(body.get("user"))).id,
            frozenset(scopes),
            authorized_at=parse_instant(str(body["authorized_at"])) if "authorized_at" in body else None,
        )
        return JsonResponse(self._described(made) | {"refresh_token": made.refresh_token})

    async def revoke(self, request: Request) -> Response:
        """Users remove the app from their accounts: `?user=ID`, without it all of them."""
        user_id = request.query_params.get("user")
        if user_id is not None:
            self._sandbox.users.get(user_id)
        return JsonResponse({"revoked": self._sandbox.tokens.authorizations.revoke(user_id)})

    async def expire_tokens(self, request: Request) -> Response:
        """Let every access token be expired: `{"expired": true}`."""
        body = await object_body(request, "expired")
        if body.get("expired") is not True:
            raise ValueError("expired must be true")
        return JsonResponse({"expired": self._sandbox.tokens.expire_all()})

    async def revoke_tokens(self, request: Request) -> Response:
        """Make every access token invalid."""
        return JsonResponse({"revoked": self._sandbox.tokens.revoke_all()})

    async def limits(self, request: Request) -> Response:
        """Rate limit and quotas, what is used of them, and how many requests each bucket was refused."""
        return JsonResponse(self._sandbox.limits.state())

    async def set_limits(self, request: Request) -> Response:
        """New settings, counts from 0: `{"rate_limit", "quotas": {bucket: n}, "quota_window", "penalty"}`."""
        body = await object_body(request, "rate_limit", "quotas", "quota_window", "penalty")
        quotas, rate = body.get("quotas", {}), body.get("rate_limit")
        if not isinstance(quotas, dict) or not all(_is_whole(count) for count in quotas.values()):
            raise ValueError("quotas must be an object of bucket and whole number")
        if rate is not None and not _is_whole(rate):
            raise ValueError("rate_limit must be a whole number")
        seconds = {name: body[name] for name in ("quota_window", "penalty") if name in body}
        for name, value in seconds.items():
            if not _is_whole(value) and not isinstance(value, float):
                raise ValueError(f"{name} must be a number of seconds")
        settings = LimitSettings(rate, quotas, **seconds)
        self._sandbox.limits.reset(settings)
        return await self.limits(request)

    async def reset_limits(self, request: Request) -> Response:
        """Forget what was used; the settings stay."""
        self._sandbox.limits.reset()
        return await self.limits(request)

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


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
