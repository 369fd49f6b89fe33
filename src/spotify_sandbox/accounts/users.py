"""Users of the sandbox who can log in."""

from __future__ import annotations

from dataclasses import dataclass

from spotify_sandbox.catalogue.catalog import DEFAULT_MARKETS
from spotify_sandbox.ids import Draw
from spotify_sandbox.names import person_name


@dataclass(frozen=True, slots=True)
class User:
    """A user.

    Attributes:
        number: From 1; seed of all of the user's data.
        id: User id.
        display_name: Made-up name.
        country: Country code.
    """

    number: int
    id: str
    display_name: str
    country: str


class Users:
    """The users of one seed: listener1, listener2 and so on."""

    def __init__(self, seed: int, count: int) -> None:
        self._users = {f"listener{number}": _user(seed, number) for number in range(1, count + 1)}

    def everyone(self) -> list[User]:
        """Return all users in order of their numbers."""
        return list(self._users.values())

    def find(self, user_id: str) -> User | None:
        """Return the user with this id, or None."""
        return self._users.get(user_id)

    def get(self, user_id: str) -> User:
        """Return the user with this id.

        Raises:
            ValueError: there is no such user; the message lists all users.
        """
        found = self._users.get(user_id)
        if found is None:
            raise ValueError(f"no user {user_id!r}; there are {', '.join(self._users) or 'none'}")
        return found


def _user(seed: int, number: int) -> User:
    draw = Draw(seed, 31, number)
    return User(number, f"listener{number}", person_name(draw), draw.pick(DEFAULT_MARKETS))
