"""Servers that receive alerts: a small SMTP server, and an HTTP server in place of Slack's webhook."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"


@dataclass
class MailServer:
    """An SMTP server that keeps every mail (RFC 5321: EHLO, MAIL, RCPT, DATA, QUIT; no TLS, no login)."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def reply(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await reply("220 test")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                await reply("354 go on")
                body = await reader.readuntil(b"\r\n.\r\n")
                parsed = BytesParser(policy=default).parsebytes(body[:-3])
                assert isinstance(parsed, EmailMessage)
                self.mails.append(parsed)
            elif verb == b"RCPT":
                self.recipients.append(line.decode().partition(":")[2].strip(" <>\r\n"))
            elif verb == b"QUIT":
                break
            await reply("250 fine")
        await reply("221 bye")
        writer.close()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server in its own thread."""
    found = MailServer()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(found.serve, HOST, 0), loop).result(30)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


@dataclass
class Webhook:
    """The requests that the webhook received, as path and JSON, and the status that it returns."""

    port: int = 0
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Run an HTTP server in place of hooks.slack.com."""
    found = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.requests.append((self.path, json.loads(body)))
            self.send_response(found.status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join(30)
