"""Applies scripted faults to requests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import NoneType
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spotify_sandbox import page_faults


class FaultKind(StrEnum):
    """Kinds of fault."""

    STATUS = "status"  # another status, body (JSON, or text as text/plain) and headers
    LATENCY = "latency"  # respond after `seconds`
    HANG = "hang"  # do not respond for `seconds`, then close the connection
    CUT = "cut"  # close the connection after `body_bytes` of the body
    TRUNCATE = "truncate"  # a complete response whose body ends after `body_bytes`: JSON cut short
    NOT_JSON = "not_json"  # 200 with a page of HTML
    EMPTY_PAGE = "empty_page"  # the page without its entries, as if it were the last of an empty list
    TOTAL = "total"  # the page states a `total` that differs by `change`
    NO_NEXT = "no_next"  # the page has no `next` link
    ENDLESS_NEXT = "endless_next"  # the page has a `next` link, also past the end of the list
    LATE_PLAYS = "late_plays"  # plays of the last `seconds` but the newest are not reported yet


_TYPES: dict[str, tuple[type, ...]] = {
    "method": (str,),
    "path": (str,),
    "after": (int,),
    "times": (int, NoneType),
    "status": (int,),
    "headers": (dict,),
    "seconds": (int, float),
    "body_bytes": (int,),
    "change": (int,),
}


def _is_one_of(value: object, types: tuple[type, ...]) -> bool:
    if isinstance(value, dict):
        return dict in types and all(isinstance(each, str) for each in value.values())
    return isinstance(value, types) and not isinstance(value, bool)


@dataclass(slots=True)
class Fault:
    """One entry of the script.

    Attributes:
        kind: Kind of fault.
        method: Regular expression that the HTTP method must match.
        path: Regular expression that is searched in `path?query`.
        after: Number of matching requests that pass first.
        times: Number of requests that get the fault; None for all.
        status: HTTP status of kind `status`.
        body: Body of kind `status`.
        headers: Headers of kinds `status` and `not_json`.
        seconds: Duration of kinds `latency`, `hang` and `late_plays`.
        body_bytes: Bytes of the body that kinds `cut` and `truncate` send.
        change: Difference that kind `total` adds to `total`.
        matched: Number of requests that matched so far.
        applied: Number of requests that got the fault so far.
    """

    kind: FaultKind
    method: str = ".*"
    path: str = ""
    after: int = 0
    times: int | None = 1
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    body_bytes: int = 20
    change: int = -1
    matched: int = 0
    applied: int = 0

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """Read a fault.

        Raises:
            ValueError: a key or value is wrong; the message names it.
        """
        if not isinstance(value, dict):
            raise ValueError("a fault is a JSON object")
        known = {each.name for each in fields(cls)} - {"matched", "applied"}
        if unknown := set(value) - known:
            raise ValueError(f"unknown key {sorted(unknown)[0]}; known are {', '.join(sorted(known))}")
        kinds = ", ".join(FaultKind)
        if value.get("kind") not in list(FaultKind):
            raise ValueError(f"kind must be one of {kinds}")
        for name, types in _TYPES.items():
            if name in value and not _is_one_of(value[name], types):
                raise ValueError(f"{name} has a value of the wrong type: {value[name]!r}")
        fault = cls(**{**value, "kind": FaultKind(value["kind"])})
        for name in ("method", "path"):
            try:
                re.compile(getattr(fault, name))
            except re.error as error:
                raise ValueError(f"{name} is not a regular expression: {error}") from error
        return fault

    def takes(self, method: str, target: str) -> bool:
        """Count a request and return whether it gets the fault."""
        if not re.fullmatch(self.method, method, re.IGNORECASE) or not re.search(self.path, target):
            return False
        self.matched += 1
        if self.matched <= self.after or (self.times is not None and self.applied >= self.times):
            return False
        self.applied += 1
        return True


class FaultScript:
    """The faults in order: latencies add up, and of the other kinds the first match is applied."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def choose(self, method: str, target: str) -> tuple[float, Fault | None]:
        """Return the seconds to wait for this request, and its fault or None."""
        delay = 0.0
        for fault in self.faults:
            if fault.takes(method, target):
                if fault.kind is not FaultKind.LATENCY:
                    return delay, fault
                delay += fault.seconds
        return delay, None


async def apply(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to a request with a fault; some faults alter the response of the app."""
    if fault.kind is FaultKind.STATUS:
        text = isinstance(fault.body, str)
        body = fault.body.encode() if text else orjson.dumps(fault.body) if fault.body is not None else b""
        content_type = "text/plain; charset=utf-8" if text else "application/json; charset=utf-8"
        await _respond(send, fault.status, {"content-type": content_type, **fault.headers}, body)
    elif fault.kind is FaultKind.NOT_JSON:
        page = b"<!DOCTYPE html><title>Proxy</title><p>Please sign in."
        await _respond(send, 200, {"content-type": "text/html; charset=utf-8", **fault.headers}, page)
    elif fault.kind is FaultKind.HANG:
        await _wait_for_disconnect(receive, fault.seconds)
        # a length that never comes makes the server close the connection without a body
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    elif fault.kind in _PAGE_FAULTS:
        await _altered(fault, app, scope, receive, send)
    else:
        await _shortened(fault, app, scope, receive, send)


async def _respond(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    lower = {key.lower(): value for key, value in headers.items()} | {"content-length": str(len(body))}
    pairs = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in lower.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _wait_for_disconnect(receive: Receive, seconds: float) -> None:
    async def disconnected() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnected(), seconds)
    except TimeoutError:
        return


async def _app_response(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    start: Message = {}
    body = bytearray()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    return start, bytes(body)


_PAGE_FAULTS: dict[FaultKind, Callable[[Fault, dict[str, Any]], None]] = {
    FaultKind.EMPTY_PAGE: lambda _, page: page_faults.blank(page),
    FaultKind.TOTAL: lambda fault, page: page_faults.change_total(page, fault.change),
    FaultKind.NO_NEXT: lambda _, page: page_faults.drop_next(page),
    FaultKind.ENDLESS_NEXT: lambda _, page: page_faults.add_next(page),
    FaultKind.LATE_PLAYS: lambda fault, page: page_faults.delay_plays(page, fault.seconds),
}


async def _altered(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    start, body = await _app_response(app, scope, receive)
    document = orjson.loads(body) if start["status"] == 200 else None
    page = page_faults.page_in(document)
    if page is not None:
        _PAGE_FAULTS[fault.kind](fault, page)
        body = orjson.dumps(document)
    others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
    await send({**start, "headers": [*others, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


async def _shortened(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    start, body = await _app_response(app, scope, receive)
    kept = bytes(body[: fault.body_bytes])
    cut = fault.kind is FaultKind.CUT
    length = len(body) if cut else len(kept)
    others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
    await send({**start, "headers": [*others, (b"content-length", str(length).encode())]})
    # returning with more_body true makes the server close the connection in the middle of the body
    await send({"type": "http.response.body", "body": kept, "more_body": cut})
