"""A login store in memory, and logins of the sandbox's users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from threading import Lock

from spotify_pipeline.spotify.endpoints import Scope
from spotify_pipeline.spotify.login import Login
from spotify_sandbox.testing import RunningSandbox
from tests.accounts import ACCOUNT_KEY, user_hash

USER = "listener1"


class MemoryStore:
    """A login store in memory that asserts that its lock is held for reads and writes."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.written: list[Login] = []
        self._lock = Lock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._lock:
            yield

    def read(self) -> Login:
        assert self._lock.locked()
        return self.login

    def write(self, login: Login) -> None:
        assert self._lock.locked()
        self.written.append(login)
        self.login = login


def login_of(
    sandbox: RunningSandbox,
    *,
    user: str = USER,
    scopes: tuple[str, ...] = tuple(Scope),
    authorized_on: date = date(2026, 11, 1),
) -> Login:
    """Return a login with which `user` has authorized the sandbox's app."""
    token = sandbox.control.authorize(user, scopes, authorized_at=f"{authorized_on}T08:00:00Z")
    return Login(sandbox.client_id, token, user_hash(user), scopes, authorized_on, ACCOUNT_KEY.key_id)
