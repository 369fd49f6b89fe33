"""Choosing loopback ports that nobody else has."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Mapping
from types import TracebackType

from spotify_pipeline.errors import ConfigurationError

HOST = "127.0.0.1"
TRIES = 400


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of 127.0.0.1 now; connections in TIME_WAIT do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


class PortReservation:
    """Chooses ports and keeps other stacks of this machine off them until their servers listen.

    Between choosing a port and a server listening on it a second stack could choose the same one. A
    reservation is a name in Linux's abstract socket space: visible to every user, gone with the process.
    Elsewhere ports are only probed.
    """

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def __enter__(self) -> PortReservation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let go of everything: the servers listen now, or never will."""
        for held in self._held.values():
            held.close()
        self._held.clear()

    def choose(self, preferred: int, *, offsets: Iterable[int] = (0,)) -> int:
        """Reserve `preferred`, or the next port above it, so that port + offset is free for every offset.

        Raises:
            ConfigurationError: none of the next 400 is free.
        """
        wanted = tuple(offsets)
        for port in range(preferred, preferred + TRIES):
            if (chosen := self.choose_or_none(port, offsets=wanted)) is not None:
                return chosen
        raise ConfigurationError(
            f"no free port between {preferred} and {preferred + TRIES - 1} on {HOST}: stop what holds them"
        )

    def choose_or_none(self, port: int, *, offsets: Iterable[int] = (0,)) -> int | None:
        """Reserve exactly `port`; None when it, or port + offset, is taken."""
        numbers = [port + offset for offset in offsets]
        return port if max(numbers) < 65_536 and self._reserve(numbers) else None

    def choose_all(
        self, preferred: Mapping[str, int], *, offsets: Mapping[str, Iterable[int]] | None = None
    ) -> dict[str, int]:
        """`choose` for each name."""
        extra = offsets or {}
        return {name: self.choose(port, offsets=extra.get(name, (0,))) for name, port in preferred.items()}

    def _reserve(self, numbers: list[int]) -> bool:
        taken: list[int] = []
        for number in numbers:
            if number in self._held or not is_free(number) or not self._hold(number):
                for each in taken:
                    self._held.pop(each).close()
                return False
            taken.append(number)
        return True

    def _hold(self, number: int) -> bool:
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if sys.platform == "linux":
            try:
                mark.bind(f"\0spotify-pipeline-port-{number}")
            except OSError:
                mark.close()
                return False
        self._held[number] = mark
        return True
