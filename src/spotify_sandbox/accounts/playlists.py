"""Playlists of the users, all computed from the seed and the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from spotify_sandbox.accounts.churn import Churn
from spotify_sandbox.accounts.library import Library
from spotify_sandbox.accounts.users import User, Users
from spotify_sandbox.ids import Draw, IdCipher, Kind, digest
from spotify_sandbox.names import playlist_name

EDITORIAL_OWNER = "spotify"
_LOCAL_SHARE, _EPISODE_SHARE, _NULL_SHARE = 0.04, 0.04, 0.02


class ItemKind(StrEnum):
    """Kind of an entry of a playlist."""

    TRACK = "track"
    LOCAL = "local"
    EPISODE = "episode"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """An entry of a playlist; `key` is the seed of a local track or episode."""

    kind: ItemKind
    key: int
    added_at: datetime | None
    added_by: str
    track_id: str | None = None


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist; `followers` are the users, other than the owner, who have it in their list."""

    id: str
    name: str
    description: str
    owner: User | None
    public: bool
    collaborative: bool
    followers: frozenset[str]
    churn: Churn

    @property
    def owner_id(self) -> str:
        """User id of the owner; editorial playlists belong to Spotify."""
        return self.owner.id if self.owner else EDITORIAL_OWNER

    def is_listed_for(self, user_id: str) -> bool:
        """Return whether the user owns or follows it."""
        return user_id == self.owner_id or user_id in self.followers

    def may_read_items(self, user_id: str) -> bool:
        """Return whether the user owns it or collaborates on it, which Development Mode requires."""
        return user_id == self.owner_id or (self.collaborative and user_id in self.followers)

    def may_see(self, user_id: str) -> bool:
        """Return whether the user may see it."""
        return self.public or self.is_listed_for(user_id)


class Playlists:
    """The playlists of all users.

    Every user has a long private playlist, a short public one and an empty one. The first user shares a
    collaborative one with the others, and all follow an editorial one.
    """

    def __init__(self, users: Users, library: Library, seed: int) -> None:
        self._library = library
        self._seed = seed
        self._cipher = IdCipher(seed)
        self._playlists = {playlist.id: playlist for playlist in self._planned(users.everyone())}

    def all(self) -> list[Playlist]:
        """Return all playlists in a stable order."""
        return list(self._playlists.values())

    def find(self, playlist_id: str) -> Playlist | None:
        """Return the playlist with this id, or None."""
        return self._playlists.get(playlist_id)

    def of(self, user_id: str) -> list[Playlist]:
        """Return the playlists that a user owns or follows."""
        return [playlist for playlist in self.all() if playlist.is_listed_for(user_id)]

    def entries(self, playlist: Playlist, now: datetime) -> list[PlaylistEntry]:
        """Return the entries at a moment, in order."""
        return [self._entry(playlist, each.key, each.added_at) for each in playlist.churn.ordered_at(now)]

    def snapshot_id(self, playlist: Playlist, now: datetime) -> str:
        """Return the snapshot id, which changes when entries are added, removed or moved."""
        state = digest(*(entry.key for entry in playlist.churn.ordered_at(now)), len(playlist.id))
        return self._cipher.encode(Kind.PLAYLIST, state)

    def episode_id(self, key: int) -> str:
        """Return the id of the episode of an entry."""
        return self._cipher.encode(Kind.EPISODE, key)

    def show_id(self, key: int) -> str:
        """Return the id of the show of that episode, one of seven."""
        return self._cipher.encode(Kind.SHOW, key % 7)

    def _planned(self, users: list[User]) -> list[Playlist]:
        planned = []
        for user in users:
            planned += [
                self._playlist(user.number * 10, user, public=False, churn=(70, 2.2)),
                self._playlist(user.number * 10 + 1, user, public=True, churn=(8, 0.3)),
                self._playlist(user.number * 10 + 2, user, public=False, churn=(0, 0.0)),
            ]
        others = frozenset(user.id for user in users[1:])
        if users:
            shared = self._playlist(1, users[0], public=False, churn=(25, 0.8), followers=others)
            planned += [shared, self._playlist(2, None, public=True, churn=(30, 5.0), followers=others)]
        return planned

    def _playlist(
        self,
        number: int,
        owner: User | None,
        *,
        public: bool,
        churn: tuple[int, float],
        followers: frozenset[str] = frozenset(),
    ) -> Playlist:
        draw = Draw(self._seed, 38, number)
        if owner is None:
            followers |= {"listener1"}
        return Playlist(
            id=self._cipher.encode(Kind.PLAYLIST, number),
            name=playlist_name(draw) if churn[0] else "Nothing yet",
            description="" if draw.chance(0.5) else f"Changes {churn[1]:g} times a day & more",
            owner=owner,
            public=public,
            collaborative=owner is not None and bool(followers),
            followers=followers,
            churn=Churn(digest(self._seed, 39, number), founders=churn[0], per_day=churn[1]),
        )

    def _entry(self, playlist: Playlist, key: int, added_at: datetime) -> PlaylistEntry:
        draw = Draw(self._seed, 40, key)
        share = draw.unit()
        if share < _LOCAL_SHARE:
            kind = ItemKind.LOCAL
        elif share < _LOCAL_SHARE + _EPISODE_SHARE:
            kind = ItemKind.EPISODE
        elif share < _LOCAL_SHARE + _EPISODE_SHARE + _NULL_SHARE:
            kind = ItemKind.NULL
        else:
            kind = ItemKind.TRACK
        people = (playlist.owner_id, *sorted(playlist.followers)) if playlist.collaborative else ()
        return PlaylistEntry(
            kind=kind,
            key=key,
            added_at=None if draw.chance(0.03) else added_at,
            added_by=draw.pick(people) if people else playlist.owner_id,
            track_id=self._library.pick(key) if kind is ItemKind.TRACK else None,
        )
