"""Numbers the I/O calls of a step, and makes those with chosen numbers fail.

Calls are intercepted at three places, each the last Python call before the network: httpx' transport
(Spotify's API), urllib3's pool manager (the object store), and psycopg's connect and `Connection.wait`, which
every statement, batch, COPY, COMMIT and ROLLBACK uses. For a child process only: the patches are not undone.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NoReturn
from urllib.parse import unquote

import httpx
import psycopg
import urllib3
from psycopg.waiting import Ready, Wait


class Way(StrEnum):
    """How a call fails."""

    REFUSED = "fails before"  # it does not reach the server, and the connection is gone
    LOST = "response lost"  # it takes effect, but the caller gets no response
    KILLED = "process killed"  # SIGKILL after the call is sent
    STOPPED = "overtaken"  # SIGSTOP before it: an orphan, which continues after its retry has started


WAYS = (Way.REFUSED, Way.LOST, Way.KILLED)


Announce = Callable[[str], None]


class Interposer:
    """Counts calls from 1, and makes those fail whose number is in `faults`, each in its way."""

    def __init__(
        self, faults: Mapping[int, Way] | None = None, announce: Announce = lambda _label: None
    ) -> None:
        self._faults = faults or {}
        self.labels: list[str] = []
        self._announce = announce
        self._lock = threading.Lock()

    def _fault(self, label: str) -> Way | None:
        """Count a call, and return the way in which it fails, if it does."""
        with self._lock:
            self.labels.append(label)
            way = self._faults.get(len(self.labels))
        if way is not None:
            self._announce(label)
        if way is Way.STOPPED:
            os.kill(os.getpid(), signal.SIGSTOP)
            return None  # after SIGCONT the call is made as usual
        return way

    def install(self) -> None:
        """Intercept calls at all three places from now on."""
        self._intercept_api()
        self._intercept_store()
        self._intercept_warehouse()

    def _intercept_api(self) -> None:
        send = httpx.HTTPTransport.handle_request

        def handle_request(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            way = self._fault(f"api {request.method} {_without_ids(request.url.path)}")
            if way is None:
                return send(transport, request)
            if way is Way.REFUSED:
                raise httpx.ConnectError("[Errno 111] Connection refused")
            response = send(transport, request)
            body = b"".join(response.iter_raw())
            response.close()
            if way is Way.KILLED:
                _die()
            # a truncated body is noticed later than a missing response: half of each
            if len(self.labels) % 2:
                raise httpx.ReadError("[Errno 104] Connection reset by peer")
            return httpx.Response(response.status_code, headers=response.headers, stream=_BrokenBody(body))

        httpx.HTTPTransport.handle_request = handle_request  # type: ignore[method-assign,assignment]

    def _intercept_store(self) -> None:
        send = urllib3.PoolManager.urlopen

        def urlopen(pool: urllib3.PoolManager, method: str, url: str, **options: Any) -> Any:
            way = self._fault(f"store {method} {_object(url)}")
            if way is None:
                return send(pool, method, url, **options)
            if way is Way.REFUSED:
                raise _store_gone(url, urllib3.exceptions.ConnectTimeoutError("Connection refused"))
            response = send(pool, method, url, **options)
            if way is Way.KILLED:
                _die()
            response.drain_conn()
            response.release_conn()
            raise _store_gone(url, urllib3.exceptions.ProtocolError("Connection aborted."))

        urllib3.PoolManager.urlopen = urlopen  # type: ignore[method-assign,assignment]

    def _intercept_warehouse(self) -> None:
        open_, wait = psycopg.connect, psycopg.Connection.wait

        def connect(*arguments: Any, **options: Any) -> Any:
            where = f'connection to server at "{options.get("host")}", port {options.get("port")} failed'
            way = self._fault("warehouse connect")
            if way is None:
                return open_(*arguments, **options)
            if way is Way.REFUSED:
                raise psycopg.OperationalError(f"{where}: Connection refused")
            conn = open_(*arguments, **options)
            if way is Way.KILLED:
                _die()
            conn.close()
            raise psycopg.OperationalError(f"{where}: server closed the connection unexpectedly")

        def wait_for(conn: psycopg.Connection, gen: Any, *arguments: Any, **options: Any) -> Any:
            # entering psycopg's pipeline mode exchanges nothing with the server
            statement = _statement(gen)
            way = None if statement == "enter_gen" else self._fault(f"warehouse {statement}")
            if way is None:
                return wait(conn, gen, *arguments, **options)
            if way is Way.KILLED:
                _send_only(conn, gen)
                _die()
            if way is Way.LOST:
                wait(conn, gen, *arguments, **options)
            _cut(conn)
            if way is Way.REFUSED:
                return wait(conn, gen, *arguments, **options)  # libpq notices the broken connection
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        psycopg.connect = connect
        psycopg.Connection.wait = wait_for  # type: ignore[method-assign, assignment]


class _BrokenBody(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.ReadError("[Errno 104] Connection reset by peer")


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL cannot be survived")


def _store_gone(url: str, reason: Exception) -> urllib3.exceptions.MaxRetryError:
    # as after urllib3's own retries
    return urllib3.exceptions.MaxRetryError(None, url, reason)  # type: ignore[arg-type]


def _cut(conn: psycopg.Connection) -> None:
    """Break the TCP connection under libpq, so that later calls fail as with a real outage."""
    own = socket.socket(fileno=os.dup(conn.pgconn.socket))
    own.shutdown(socket.SHUT_RDWR)
    own.close()


def _send_only(conn: psycopg.Connection, gen: Any) -> None:
    """Send a statement without waiting for the response."""
    try:
        wanted = next(gen)
        while wanted & Wait.W:
            _, writable, _ = select.select([], [conn.pgconn.socket], [], 5.0)
            wanted = gen.send(Ready.W if writable else Ready.NONE)
    except StopIteration:
        return


def _without_ids(path: str) -> str:
    return re.sub(r"/[0-9A-Za-z]{22}(?=/|$)", "/{id}", path)


def _object(url: str) -> str:
    """Return the zone and kind of the object in a URL, or `listing` or `bucket`."""
    path, _, query = unquote(url).partition("?")
    name = path.rpartition("/")[2]
    if "/ingest_date=" not in path:
        return "listing" if "prefix=" in query else "bucket"
    zone = re.sub(r"^.*/(raw|validated|quarantine|reports)/ingest_date=.*$", r"\1", path)
    return f"{zone}/{re.sub(r'-[0-9a-f]{32}', '', name)}"


def _statement(gen: Any) -> str:
    """Return the first words of the SQL that a psycopg generator will send, or the generator's name."""
    frame = getattr(gen, "gi_frame", None)
    known = frame.f_locals if frame is not None else {}
    text = known.get("query") or known.get("statement") or known.get("command")
    if isinstance(text, bytes):
        text = text.decode()
    if not isinstance(text, str):
        name: str = getattr(gen, "__name__", type(gen).__name__)
        return {"_commit_gen": "COMMIT", "_rollback_gen": "ROLLBACK"}.get(name, name.strip("_"))
    words = " ".join(text.split())
    tables = re.findall(r"\b(?:staging|ops)\.\w+|\bincoming_\w+|\bfolded_\w+", words)
    return f"{words.split(' ')[0].upper()} {tables[0] if tables else words.split(' ', 1)[-1][:24]}".strip()
