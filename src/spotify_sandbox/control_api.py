"""The endpoints under /_sandbox: clock, faults, calls, catalogue. No token; loopback only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spotify_sandbox.clock import parse_instant
from spotify_sandbox.errors import JsonResponse
from spotify_sandbox.faults import Fault
from spotify_sandbox.records import CatalogError
from spotify_sandbox.state import Sandbox

Handler = Callable[[Request], Awaitable[Response]]


class Control:
    """Answers control calls; a bad one is 400 with `{"error": message}`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Routes of the control endpoints."""
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
        """Whether it serves, and what."""
        served = self._sandbox.catalog().served_date
        return JsonResponse({"status": "ok", "mode": self._sandbox.mode, "served_date": served.isoformat()})

    async def clock(self, request: Request) -> Response:
        """The clock: `{"now", "frozen"}`."""
        clock = self._sandbox.clock
        return JsonResponse({"now": clock.now().isoformat(), "frozen": clock.frozen})

    async def set_clock(self, request: Request) -> Response:
        """Jump, freeze, release: `{"now"?: ISO 8601, "frozen"?: bool}`; reads that date's catalogue."""
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
        """The script, with how often each fault matched and was applied."""
        return JsonResponse({"faults": [asdict(fault) for fault in self._sandbox.faults.faults]})

    async def add_faults(self, request: Request) -> Response:
        """Append one fault or a list of them to the script."""
        body = orjson.loads(await request.body())
        added = [Fault.from_json(each) for each in (body if isinstance(body, list) else [body])]
        self._sandbox.faults.faults.extend(added)
        return await self.faults(request)

    async def clear_faults(self, request: Request) -> Response:
        """Empty the script."""
        self._sandbox.faults.faults.clear()
        return await self.faults(request)

    async def calls(self, request: Request) -> Response:
        """Totals and recent calls: `?since=NUMBER&recent=N`."""
        since = int(request.query_params.get("since", 0))
        recent = int(request.query_params.get("recent", 100))
        return JsonResponse(self._sandbox.calls.report(since, recent))

    async def reset_calls(self, request: Request) -> Response:
        """Forget all calls."""
        self._sandbox.calls.reset()
        return JsonResponse(self._sandbox.calls.report())

    async def catalog(self, request: Request) -> Response:
        """The served date, counts, and every artist's id and name."""
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
    """Routes under /_sandbox of (method, name, handler), for the loopback interface only."""
    return [
        Route(f"/_sandbox/{name}", _guarded(handler), methods=[method]) for method, name, handler in handlers
    ]


async def object_body(request: Request, *known: str) -> dict[str, Any]:
    """The request's JSON object. Raises ValueError for anything else and for keys that are not known."""
    body = orjson.loads(await request.body())
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    if unknown := set(body) - set(known):
        raise ValueError(f"unknown key {sorted(unknown)[0]}; known are {', '.join(known)}")
    return body


def _guarded(handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        if request.client is None or not ip_address(request.client.host).is_loopback:
            return JsonResponse({"error": "control calls are answered on the loopback interface only"}, 403)
        try:
            return await handler(request)
        except CatalogError as error:
            return JsonResponse({"error": str(error)}, 500)
        except (ValueError, TypeError) as error:
            return JsonResponse({"error": str(error)}, 400)

    return answer
