"""A TCP proxy that disturbs connections, one for each server of the suite."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

_CHUNK = 2**16
_BIND_TRIES = 100
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST
_FULL = (
    b"HTTP/1.1 507 Insufficient Storage\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s"
)
_FULL_BODY = b"<Error><Code>XMinioStorageFull</Code><Message>no space left on device</Message></Error>"


class Toxic(StrEnum):
    """What happens to connections."""

    REFUSED = "refused"  # the port is closed, and open connections are reset
    RESET = "reset mid-body"  # RST after `after` bytes of a response
    LOST = "response lost"  # the request passes, its response is discarded and the connection reset
    HOLE = "black hole"  # nothing passes and nothing is closed; delayed data passes afterwards
    LATENCY = "latency"  # each chunk waits `seconds`
    CUT = "truncated"  # the connection is closed regularly after `after` bytes of a response
    FULL = "no space left"  # writes to the object store get 507, as from MinIO


@dataclass
class ActiveToxic:
    """A toxic in force for `times` connections, or until it is cleared (None)."""

    toxic: Toxic
    after: int = 0
    seconds: float = 0.0
    times: int | None = None


class FaultProxy:
    """Forwards connections from `port` to `target`, both on 127.0.0.1."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._toxic: ActiveToxic | None = None
        self._lock = threading.Lock()
        self._passing = threading.Event()
        self._passing.set()
        self._open: set[socket.socket] = set()
        self._ended = False
        self._listener = self._listen()
        threading.Thread(target=self._accept, daemon=True, name=f"proxy-{port}").start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._passing.set()
        self._listener.close()
        self.reset()

    def set_toxic(self, active: ActiveToxic) -> None:
        """Disturb connections from now on."""
        with self._lock:
            self._toxic = active
        if active.toxic is Toxic.HOLE:
            self._passing.clear()
        elif active.toxic is Toxic.REFUSED:
            # after close() alone, the port stays open as long as the other thread waits in accept()
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self.reset()

    def clear_toxic(self) -> None:
        """Forward everything again."""
        with self._lock:
            self._toxic = None
        self._passing.set()
        if self._listener.fileno() < 0 and not self._ended:
            self._listener = self._listen()

    def reset(self) -> None:
        """Send RST to both ends of every open connection."""
        with self._lock:
            open_ = list(self._open)
        for end in open_:
            _abort(end)

    def _listen(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for tries in range(_BIND_TRIES, -1, -1):
            try:
                listener.bind(("127.0.0.1", self.port))
                break
            except OSError:
                if not tries:
                    raise
                time.sleep(0.05)
        listener.listen(64)
        listener.settimeout(0.2)
        return listener

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:  # closed while connections are refused
                time.sleep(0.005)
                continue
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(None)
        self._passing.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            _abort(client)
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        up = threading.Thread(target=self._pump, args=[client, server, False], daemon=True)
        up.start()
        self._pump(server, client, True)
        up.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket, responses: bool) -> None:
        passed = 0
        try:
            while data := source.recv(_CHUNK):
                self._passing.wait()
                if self._apply(data, passed, source, sink, responses):
                    return
                sink.sendall(data)
                passed += len(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                _abort(end)

    def _apply(
        self, data: bytes, passed: int, source: socket.socket, sink: socket.socket, responses: bool
    ) -> bool:
        """Apply the toxic to these bytes; return whether it has ended their connection."""
        with self._lock:
            active = self._toxic
        if active is None:
            return False
        if active.toxic is Toxic.LATENCY:
            time.sleep(active.seconds)
        if not _ends_connection(active, data, passed, responses) or not self._use_once(active):
            return False
        with suppress(OSError):
            if active.toxic is Toxic.FULL:
                source.sendall(_FULL % (len(_FULL_BODY), _FULL_BODY))
                source.shutdown(socket.SHUT_WR)
                _abort(sink)
                return True
            if active.toxic is not Toxic.LOST:
                sink.sendall(data[: max(active.after - passed, 0)])
            if active.toxic is Toxic.CUT:
                sink.shutdown(socket.SHUT_WR)
                _abort(source)
                return True
        _abort(sink)
        _abort(source)
        return True

    def _use_once(self, active: ActiveToxic) -> bool:
        with self._lock:
            if self._toxic is not active:
                return False
            if active.times is not None:
                active.times -= 1
                if active.times <= 0:
                    self._toxic = None
        return True


def _ends_connection(active: ActiveToxic, data: bytes, passed: int, responses: bool) -> bool:
    """Return whether a toxic ends the connection at these bytes."""
    if active.toxic is Toxic.FULL:
        return not responses and data.startswith(b"PUT ")
    if active.toxic is Toxic.LOST:
        return responses
    return active.toxic in {Toxic.RESET, Toxic.CUT} and responses and passed + len(data) > active.after


def _abort(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    with suppress(OSError):
        end.shutdown(socket.SHUT_RD)
    with suppress(OSError):
        end.close()
