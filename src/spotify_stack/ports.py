"""Chooses free loopback ports for the servers of a stack."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType

from spotify_pipeline.doctor.ports import is_free
from spotify_pipeline.errors import ConfigurationError

HOST = "127.0.0.1"
TRIES = 400


class PortReservation:
    """Chooses ports and reserves them until their servers listen.

    Without a reservation, a second stack could choose the same port before the server of the first one
    listens on it. A reservation is a name in Linux's abstract socket namespace: every user sees it, and it
    ends with the process. On other systems, ports are only probed.
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
        """Release all reservations: the servers listen now, or never will."""
        for held in self._held.values():
            held.close()
        self._held.clear()

    def choose(
        self,
        preferred: int,
        *,
        offsets: Iterable[int] = (0,),
        usable: Callable[[int], bool] = lambda _port: True,
    ) -> int:
        """Reserve `preferred`, or the next port above it for which port + offset is free for every offset.

        Args:
            preferred: First port to try.
            offsets: Offsets of the ports that are used as well.
            usable: Whether a port may be used for another reason than being free.

        Raises:
            ConfigurationError: none of the next 400 is free.
        """
        wanted = tuple(offsets)
        for port in range(preferred, preferred + TRIES):
            if usable(port) and (chosen := self.choose_or_none(port, offsets=wanted)) is not None:
                return chosen
        raise ConfigurationError(
            f"no free port between {preferred} and {preferred + TRIES - 1} on {HOST}: stop what uses them"
        )

    def choose_or_none(self, port: int, *, offsets: Iterable[int] = (0,)) -> int | None:
        """Reserve exactly `port`; return None if it, or port + offset, is taken."""
        numbers = [port + offset for offset in offsets]
        return port if max(numbers) < 65_536 and self._reserve(numbers) else None

    def choose_all(
        self, preferred: Mapping[str, int], *, offsets: Mapping[str, Iterable[int]] | None = None
    ) -> dict[str, int]:
        """Call `choose` for each name."""
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
