"""The address on this machine that the browser comes back to after a login."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from spotify_pipeline.errors import AuthenticationError, ConfigurationError

PATH = "/callback"
_SECONDS_PER_REQUEST = 10.0


class CallbackServer:
    """Listens on 127.0.0.1 alone (Spotify refuses the name localhost); use it as a context manager."""

    def __init__(self, port: int) -> None:
        try:
            self._http = HTTPServer(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of this machine cannot be used ({error.strerror}): choose another with --port, "
                "and add it to the app's redirect URIs"
            ) from None
        self._http.timeout = 0.2

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.server_close()

    @property
    def redirect_uri(self) -> str:
        """The address, which the app's settings must list."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{PATH}"

    def wait_for_code(
        self, state: str, seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> str:
        """The code that the browser brings together with `state`; anything else is turned away.

        Raises:
            AuthenticationError: the user refused, or nothing came in time.
        """
        deadline = clock() + seconds
        found: list[dict[str, str]] = []
        self._http.RequestHandlerClass = _handler(state, found)
        while not found:
            if clock() >= deadline:
                raise AuthenticationError(
                    f"nobody logged in within {seconds:.0f} seconds: run the command once more"
                )
            self._http.handle_request()
        answer = found[0]
        if "code" not in answer:
            raise AuthenticationError(
                f"Spotify did not log in ({answer.get('error', 'no code')[:80]!r}): run the command once "
                "more and agree to what it asks for"
            )
        return answer["code"]


class _Handler(BaseHTTPRequestHandler):
    timeout = _SECONDS_PER_REQUEST

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the request line holds the code."""


def _handler(state: str, found: list[dict[str, str]]) -> type[BaseHTTPRequestHandler]:
    """A handler that accepts the one answer that carries `state`."""

    class Handler(_Handler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            answer = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path != PATH:
                self._say(HTTPStatus.NOT_FOUND, "There is nothing here.")
            elif not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
                # another tab, another program, or somebody else's link
                self._say(HTTPStatus.BAD_REQUEST, "This is not the answer to the login that is under way.")
            else:
                found.append(answer)
                outcome = "You are logged in." if "code" in answer else "You are not logged in."
                self._say(HTTPStatus.OK, f"{outcome} You can close this page and go back to the terminal.")

        def _say(self, status: HTTPStatus, text: str) -> None:
            page = f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Login</title>{escape(text)}'
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Content-Length", str(len(page.encode())))
            self.end_headers()
            self.wfile.write(page.encode())

    return Handler
