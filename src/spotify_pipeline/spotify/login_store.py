"""Stores a login that tasks and processes share; only one of them at a time refreshes it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from spotify_pipeline.connections import SPOTIFY_USER, login_command
from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.files import write_atomically
from spotify_pipeline.spotify.login import Login

Lock = Callable[[], AbstractContextManager[None]]
"""Opens a lock that one task or process at a time can hold; it is released when that process ends."""


class LoginState(Protocol):
    """Storage of one text."""

    def read(self) -> str | None:
        """Return the stored text, or None if nothing was stored."""

    def write(self, text: str) -> None:
        """Replace the stored text."""


class LoginStore(Protocol):
    """The login of one user. A `write` that depends on a `read` must be in the same `locked` block."""

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock of the login."""

    def read(self) -> Login:
        """Return the stored login. Raises ConfigurationError if there is none."""

    def write(self, login: Login) -> None:
        """Store a refreshed login."""


class FileState:
    """A text in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """Return the file's text, or None if there is no file.

        Raises:
            ConfigurationError: others may read it, or it cannot be read.
        """
        try:
            with self.path.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise ConfigurationError(
                        f"{self.path} holds tokens and can be read by others: run chmod 600 on it"
                    )
                return file.read()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self.path} cannot be read ({error}): make it your own file") from None

    def write(self, text: str) -> None:
        """Replace the file atomically; only its owner can ever read it.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self.path, text, mode=0o600)
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be written ({error.strerror}): set SPOTIFY_PIPELINE_LOGIN_FILE to "
                "a file that you can write"
            ) from None

    def remove(self) -> bool:
        """Remove the file; return whether there was one."""
        existed = self.path.exists()
        self.path.unlink(missing_ok=True)
        return existed


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which is created if missing and not removed."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file, or the end of the process, releases the lock


class FileLoginStore:
    """The command line's login of a user's connection: one file, and a lock file next to it."""

    def __init__(self, path: Path, connection: str = SPOTIFY_USER) -> None:
        self._state = FileState(path)
        self._connection = connection

    @property
    def path(self) -> Path:
        """Path of the file with the login."""
        return self._state.path

    def locked(self) -> AbstractContextManager[None]:
        """Keep the other processes of this machine out."""
        return file_lock(self._state.path.with_name(self._state.path.name + ".lock"))

    def read(self) -> Login:
        """Read the login from the file.

        Raises:
            ConfigurationError: There is no login, or the file cannot be used.
        """
        text = self._state.read()
        if text is None:
            raise ConfigurationError(f"no user is logged in: run '{login_command(self._connection)}'")
        return Login.from_json(text, str(self._state.path))

    def write(self, login: Login) -> None:
        """Replace the file."""
        self._state.write(login.to_json())

    def remove(self) -> bool:
        """Remove the login; return whether there was one."""
        return self._state.remove()


class SeededLoginStore:
    """A login that is read from a connection at first, and from `state` after its tokens were replaced.

    A task cannot write a connection, and Spotify may replace the refresh token at any refresh; after that the
    connection holds a token that is no longer valid. A connection with another token is a new login.
    """

    def __init__(self, seed: Login, state: LoginState, lock: Lock) -> None:
        self._seed = seed
        self._state = state
        self._lock = lock

    def locked(self) -> AbstractContextManager[None]:
        """Keep the other tasks out."""
        return self._lock()

    def read(self) -> Login:
        """Return the login with its latest tokens: from the state, or from the connection."""
        text = self._state.read()
        if text is None:
            return self._seed
        known = Login.from_json(text, "the state of the login")
        return known if known.seed == self._seed.seed else self._seed

    def write(self, login: Login) -> None:
        """Store the login with its new tokens."""
        self._state.write(login.to_json())
