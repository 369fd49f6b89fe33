"""Serves GET /authorize of accounts.spotify.com, the page on which a user lets the app read the account."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from spotify_sandbox.accounts.authorizations import SCOPES, Authorizations, CodeRequest
from spotify_sandbox.accounts.users import Users

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")

_STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:40rem;"
    "padding:0 1rem}select,button{font:inherit;padding:.4rem .8rem;margin:.2rem 0}"
)


class _Refused(Exception):
    """The request is shown as an error page, because its redirect address cannot be trusted."""


@dataclass(slots=True)
class Consent:
    """Handles authorization requests.

    Attributes:
        client_id: Client id of the app.
        users: Users who can log in.
        authorizations: Issues the codes.
        auto_user: User whose requests are decided without a page; None shows the page.
        denies: Whether that user refuses.
    """

    client_id: str
    users: Users
    authorizations: Authorizations
    auto_user: str | None = None
    denies: bool = False

    async def page(self, request: Request) -> Response:
        """Handle `GET /authorize`: the consent page, or the redirect with auto_approve=true[&user=ID]."""
        asked = dict(request.query_params)
        try:
            checked = self._check(asked)
        except _Refused as error:
            return PlainTextResponse(str(error), 400)
        if isinstance(checked, Response):
            return checked
        if self.auto_user is not None:
            return self._decide(asked, checked, self.auto_user, agreed=not self.denies)
        if asked.get("auto_approve") == "true":
            return self._decide(asked, checked, asked.get("user") or self._first(), agreed=True)
        return HTMLResponse(self._form(asked, checked))

    async def decide(self, request: Request) -> Response:
        """Handle `POST /authorize`: the user's decision on the page, with the parameters of the request."""
        asked = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        try:
            checked = self._check(asked)
        except _Refused as error:
            return PlainTextResponse(str(error), 400)
        if isinstance(checked, Response):
            return checked
        return self._decide(asked, checked, asked.get("user", ""), agreed=asked.get("decision") == "agree")

    def _check(self, asked: dict[str, str]) -> CodeRequest | Response:
        """Return the request, or the redirect with its error (RFC 6749, section 4.1.2.1)."""
        if asked.get("client_id") != self.client_id:
            raise _Refused("INVALID_CLIENT: Invalid client")
        redirect_uri = asked.get("redirect_uri", "")
        if not _is_loopback(redirect_uri):
            raise _Refused("INVALID_CLIENT: Insecure redirect URI")
        if asked.get("response_type") != "code":
            return _back(redirect_uri, asked, error="unsupported_response_type")
        scopes = frozenset(asked.get("scope", "").split())
        if not scopes <= SCOPES:
            return _back(redirect_uri, asked, error="invalid_scope")
        challenge = asked.get("code_challenge")
        method = asked.get("code_challenge_method")
        if (challenge is not None or method is not None) and (
            method != "S256" or not _CHALLENGE.fullmatch(challenge or "")
        ):
            return _back(redirect_uri, asked, error="invalid_request")
        return CodeRequest(self.client_id, redirect_uri, scopes, challenge)

    def _decide(self, asked: dict[str, str], checked: CodeRequest, user_id: str, *, agreed: bool) -> Response:
        if self.users.find(user_id) is None:
            return PlainTextResponse(f"no such user: {user_id}", 400)
        if not agreed:
            return _back(checked.redirect_uri, asked, error="access_denied")
        return _back(checked.redirect_uri, asked, code=self.authorizations.code(checked, user_id))

    def _first(self) -> str:
        return next((user.id for user in self.users.everyone()), "")

    def _form(self, asked: dict[str, str], checked: CodeRequest) -> str:
        hidden = "".join(
            f'<input type="hidden" name="{escape(key)}" value="{escape(value)}">'
            for key, value in asked.items()
            if key not in {"user", "decision"}
        )
        choices = "".join(
            f'<option value="{escape(user.id)}">{escape(user.display_name)} ({escape(user.id)})</option>'
            for user in self.users.everyone()
        )
        scopes = "".join(f"<li>{escape(scope)}</li>" for scope in sorted(checked.scopes))
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Sandbox login</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{_STYLE}</style></head><body><main>"
            "<h1>An app asks to read your account</h1>"
            "<p>This is the sandbox, not Spotify. The app asks for:</p>"
            f"<ul>{scopes or '<li>nothing more</li>'}</ul>"
            f'<form method="post" action="/authorize">{hidden}'
            f'<label>Log in as <select name="user">{choices}</select></label> '
            '<button name="decision" value="agree">Agree</button> '
            '<button name="decision" value="cancel">Cancel</button></form></main></body></html>'
        )


def _is_loopback(redirect_uri: str) -> bool:
    """Return whether Spotify accepts the address of a local program: a loopback IP, never `localhost`."""
    try:
        parts = urlsplit(redirect_uri)
        loopback = ipaddress.ip_address(parts.hostname or "").is_loopback
        return loopback and parts.scheme == "http" and bool(parts.port) and not parts.fragment
    except ValueError:
        return False


def _back(redirect_uri: str, asked: dict[str, str], **parameters: str) -> Response:
    if "state" in asked:
        parameters["state"] = asked["state"]
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return RedirectResponse(f"{redirect_uri}{joint}{urlencode(parameters)}", 302)
