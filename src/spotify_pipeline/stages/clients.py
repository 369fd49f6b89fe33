"""The clients of one task: the app's, and those of the users whose sources it reads, each opened once."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Self

from spotify_pipeline.sources import Source
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.stages.runtime import Runtime


class Clients:
    """Use it as a context manager: what it opened is closed at the end."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._opened = ExitStack()
        self._users: dict[str | None, SpotifyClient] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @cached_property
    def app(self) -> SpotifyClient:
        """Reads as the app."""
        return self._opened.enter_context(self._runtime.spotify())

    def user(self, name: str | None = None) -> SpotifyClient:
        """Return the client that reads as a user; None for the one of connection `spotify_user`.

        Raises:
            ConfigurationError: the user is not logged in.
        """
        if name not in self._users:
            self._users[name] = self._opened.enter_context(self._runtime.spotify_user(name))
        return self._users[name]

    def of(self, source: Source) -> SpotifyClient:
        """The client that may read `source`."""
        return self.user(source.user) if source.kind.needs_login else self.app
