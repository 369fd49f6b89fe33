"""A server with scripted responses, for headers and bodies that the sandbox does not send."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from spotify_pipeline.spotify.limits import RollingWindowPacer

DATE = "Sun, 22 Nov 2026 06:00:00 GMT"


@dataclass
class Reply:
    """One response of the scripted server.

    With `date` None no Date header is sent, with a list several; `drip` is the pause per byte in seconds.
    """

    status: int = 200
    body: bytes | str | dict[str, Any] | list[Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    date: str | list[str] | None = DATE
    drip: float = 0.0

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass
class ScriptedServer:
    """Returns the replies of a path in order, the last one repeatedly; `seen` holds the requests."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    seen: list[tuple[str, str | None]] = field(default_factory=list, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def api_url(self) -> str:
        return self.url + "/v1"

    def on(self, path: str, *replies: Reply) -> None:
        self.replies[path] = list(replies)

    def take(self, path: str, authorization: str | None) -> Reply:
        with self.lock:
            self.seen.append((path, authorization))
            queue = self.replies.get(path, [Reply(404, {"error": {"status": 404, "message": "scripted"}})])
            return queue.pop(0) if len(queue) > 1 else queue[0]

    def count(self, path: str) -> int:
        with self.lock:
            return sum(1 for seen, _ in self.seen if seen == path)


def handler_for(script: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    """Return the request handler that responds as `script` says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            reply = script.take(self.path, self.headers.get("authorization"))
            body = reply.encoded()
            self.send_response_only(reply.status)
            for date in [reply.date] if isinstance(reply.date, str) else reply.date or []:
                self.send_header("Date", date)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if not reply.drip:
                self.wfile.write(body)
                return
            with suppress(ConnectionError):  # the client is expected to give up
                for position in range(len(body)):
                    self.wfile.write(body[position : position + 1])
                    time.sleep(reply.drip)

        do_GET = do_POST = respond  # noqa: N815 - names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    return Handler


class Sleeps(list[float]):
    """The seconds that a pacer would have slept; its clock advances by them."""

    def clock(self) -> float:
        return sum(self)

    def pacer(self) -> RollingWindowPacer:
        return RollingWindowPacer(sleep=self.append, clock=self.clock)
