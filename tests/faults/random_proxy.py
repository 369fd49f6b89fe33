"""A TCP proxy that spoils what passes through it, one for each server of the suite."""

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

    REFUSED = "refused"  # nobody listens, and what is open is reset
    RESET = "reset mid-body"  # RST after `after` bytes of an response
    LOST = "response lost"  # the request passes, its response is thrown away and the connection reset
    HOLE = "black hole"  # nothing passes, nothing is closed; what was held back passes afterwards
    LATENCY = "latency"  # each piece waits `seconds`
    CUT = "truncated"  # the connection is closed in good order after `after` bytes of an response
    FULL = "no space left"  # the object store refuses to write: 507, as MinIO does


@dataclass
class Poison:
    """A toxic in force; it spends itself on `times` connections, or lasts until it is healed (None)."""

    toxic: Toxic
    after: int = 0
    seconds: float = 0.0
    times: int | None = None


class FaultProxy:
    """Listens on `port`, hands everything to `target`, both on 127.0.0.1."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._poison: Poison | None = None
        self._lock = threading.Lock()
        self._healed = threading.Event()
        self._healed.set()
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
        self._healed.set()
        self._listener.close()
        self.reset()

    def poison(self, poison: Poison) -> None:
        """Spoil from now on."""
        with self._lock:
            self._poison = poison
        if poison.toxic is Toxic.HOLE:
            self._healed.clear()
        elif poison.toxic is Toxic.REFUSED:
            # closing alone leaves it listening for as long as the other thread waits on it
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self.reset()

    def heal(self) -> None:
        """Let everything pass again."""
        with self._lock:
            self._poison = None
        self._healed.set()
        if self._listener.fileno() < 0 and not self._ended:
            self._listener = self._listen()

    def reset(self) -> None:
        """RST to both ends of every open connection."""
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
            except OSError:  # closed: nobody listens for a while
                time.sleep(0.005)
                continue
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(None)
        self._healed.wait()
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
                self._healed.wait()
                if self._spoils(data, passed, source, sink, responses):
                    return
                sink.sendall(data)
                passed += len(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                _abort(end)

    def _spoils(
        self, data: bytes, passed: int, source: socket.socket, sink: socket.socket, responses: bool
    ) -> bool:
        """Whether this connection has been ended over these bytes."""
        with self._lock:
            poison = self._poison
        if poison is None:
            return False
        if poison.toxic is Toxic.LATENCY:
            time.sleep(poison.seconds)
        if not _concerns(poison, data, passed, responses) or not self._spend(poison):
            return False
        with suppress(OSError):
            if poison.toxic is Toxic.FULL:
                source.sendall(_FULL % (len(_FULL_BODY), _FULL_BODY))
                source.shutdown(socket.SHUT_WR)
                _abort(sink)
                return True
            if poison.toxic is not Toxic.LOST:
                sink.sendall(data[: max(poison.after - passed, 0)])
            if poison.toxic is Toxic.CUT:
                sink.shutdown(socket.SHUT_WR)
                _abort(source)
                return True
        _abort(sink)
        _abort(source)
        return True

    def _spend(self, poison: Poison) -> bool:
        with self._lock:
            if self._poison is not poison:
                return False
            if poison.times is not None:
                poison.times -= 1
                if poison.times <= 0:
                    self._poison = None
        return True


def _concerns(poison: Poison, data: bytes, passed: int, responses: bool) -> bool:
    """Whether these bytes end their connection."""
    if poison.toxic is Toxic.FULL:
        return not responses and data.startswith(b"PUT ")
    if poison.toxic is Toxic.LOST:
        return responses
    return poison.toxic in {Toxic.RESET, Toxic.CUT} and responses and passed + len(data) > poison.after


def _abort(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    with suppress(OSError):
        end.shutdown(socket.SHUT_RD)
    with suppress(OSError):
        end.close()
