"""Builds the ASGI application of the sandbox."""

from __future__ import annotations

import asyncio
import logging

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spotify_sandbox.catalogue.catalog import CatalogError
from spotify_sandbox.catalogue_api import Api
from spotify_sandbox.control_api import Control, UserControl
from spotify_sandbox.faults import apply
from spotify_sandbox.responses import JsonResponse
from spotify_sandbox.sandbox import Sandbox
from spotify_sandbox.user_api import MeApi

access_log = logging.getLogger("spotify_sandbox.access")


def build_app(sandbox: Sandbox) -> ASGIApp:
    """Build the application: logins, token endpoint, Web API and control endpoints."""
    accounts = [
        Route("/authorize", sandbox.consent.page, methods=["GET"]),
        Route("/authorize", sandbox.consent.decide, methods=["POST"]),
        Route("/api/token", sandbox.tokens.endpoint, methods=["POST"]),
    ]
    control = [*Control(sandbox).routes(), *UserControl(sandbox).routes()]
    routes = [*accounts, *MeApi(sandbox).routes(), *Api(sandbox).routes(), *control]
    return _Middleware(Starlette(routes=routes, exception_handlers={CatalogError: _catalog_error}), sandbox)


async def _catalog_error(request: Request, error: Exception) -> Response:
    return JsonResponse({"error": {"status": 500, "message": str(error)}}, 500)


class _Middleware:
    """Middleware that sets the Date header, applies faults, and counts and logs calls."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, dated = scope["path"], self._dated(send)
        if path.startswith("/_sandbox/"):
            await self._app(scope, receive, dated)
            return
        method, query = scope["method"], scope["query_string"].decode("latin-1")
        delay, fault = self._sandbox.faults.choose(method, f"{path}?{query}" if query else path)
        status, is_logged = 0, False

        def log() -> None:
            nonlocal is_logged
            if is_logged:
                return
            is_logged = True
            kind = fault.kind if fault else "latency" if delay else None
            now = self._sandbox.clock.now().isoformat(timespec="milliseconds")
            self._sandbox.calls.add(at=now, method=method, path=path, query=query, status=status, fault=kind)
            # method, path and query only: tokens and secrets travel in headers and form bodies
            access_log.info("%s %s %s%s %d", now, method, path, f"?{query}" if query else "", status)

        async def logged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not message.get("more_body"):
                # before the last byte: a client that has its response finds the call in the log
                log()
            await dated(message)

        if delay:
            await asyncio.sleep(delay)
        try:
            if fault is None:
                await self._app(scope, receive, logged)
            else:
                await apply(fault, self._app, scope, receive, logged)
        finally:
            log()

    def _dated(self, send: Send) -> Send:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = (b"date", self._sandbox.clock.http_date().encode())
                message = {**message, "headers": [*_without_date(message["headers"]), date]}
            await send(message)

        return dated


def _without_date(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [pair for pair in headers if pair[0].lower() != b"date"]
