"""The sandbox's users: who can log in, and whom a Development Mode app may read."""

from __future__ import annotations

from dataclasses import dataclass

from spotify_sandbox.ids import Draw
from spotify_sandbox.names import person_name
from spotify_sandbox.records import DEFAULT_MARKETS

ALLOW_LIST_MAX = 5


@dataclass(frozen=True, slots=True)
class User:
    """One listener. number: from 1, which all of the user's data is drawn by."""

    number: int
    id: str
    display_name: str
    country: str


class Users:
    """The users of one seed. A Development Mode app has five on its allow-list, at first the first five."""

    def __init__(self, seed: int, count: int) -> None:
        self._users = {f"listener{number}": _user(seed, number) for number in range(1, count + 1)}
        self._allowed: set[str] = set()
        self.reset_allow_list()

    def everyone(self) -> list[User]:
        """All of them, by number."""
        return list(self._users.values())

    def find(self, user_id: str) -> User | None:
        """The user with this id, if there is one."""
        return self._users.get(user_id)

    def get(self, user_id: str) -> User:
        """The user with this id. Raises ValueError naming those there are."""
        found = self._users.get(user_id)
        if found is None:
            raise ValueError(f"no user {user_id!r}; there are {', '.join(self._users) or 'none'}")
        return found

    def is_allowed(self, user_id: str) -> bool:
        """Whether the user is on the app's allow-list."""
        return user_id in self._allowed

    def allow(self, user_id: str, allowed: bool) -> None:
        """Put a user on the allow-list or take one off. Raises ValueError for an unknown one or a sixth."""
        name = self.get(user_id).id
        if allowed and len(self._allowed | {name}) > ALLOW_LIST_MAX:
            raise ValueError(f"the allow-list holds {ALLOW_LIST_MAX} users; take one off first")
        (self._allowed.add if allowed else self._allowed.discard)(name)

    def reset_allow_list(self) -> None:
        """The allow-list as at the start."""
        self._allowed = set(list(self._users)[:ALLOW_LIST_MAX])


def _user(seed: int, number: int) -> User:
    draw = Draw(seed, 31, number)
    return User(number, f"listener{number}", person_name(draw), draw.pick(DEFAULT_MARKETS))
