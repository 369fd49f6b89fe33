"""Clients of one task: one for the app, and one for each user; each is opened once."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Self

from spotify_pipeline.sources import Source
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_pipeline.stages.runtime import Runtime


class Clients:
    """Opens clients at first use, and closes them at the end of its `with` block."""

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
        """The client that reads as the app."""
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
        """Return the client that is allowed to read `source`."""
        return self.user(source.user) if source.kind.needs_login else self.app
