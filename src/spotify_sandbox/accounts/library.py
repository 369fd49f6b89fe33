"""Saved tracks, plays, followed artists and top lists of users, all computed from the seed and the time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain, islice

from spotify_sandbox.accounts.churn import Churn
from spotify_sandbox.accounts.users import User
from spotify_sandbox.catalogue.catalog import Artist, CatalogError, CatalogSource, Track
from spotify_sandbox.ids import Draw, digest

PLAYS_KEPT = 50
_POOL_TRACKS = 2_000
_TASTE_TRACKS = 150
_TOP_TRACKS = 60
_LOOK_BACK_HOURS = 24 * 21
_WAKING_HOURS = range(7, 24)


class TimeRange(StrEnum):
    """Period of a user's top items: about four weeks, six months, a year."""

    SHORT = "short_term"
    MEDIUM = "medium_term"
    LONG = "long_term"


# days between two states of a top list; lists of longer periods change more slowly
_CHANGES_EVERY = {TimeRange.SHORT: 1, TimeRange.MEDIUM: 3, TimeRange.LONG: 7}


class ContextKind(StrEnum):
    """Kind of the record from which a track was played."""

    PLAYLIST = "playlist"
    ALBUM = "album"
    ARTIST = "artist"


@dataclass(frozen=True, slots=True)
class Play:
    """A play; `played_at` has whole milliseconds, `context` is None if unknown."""

    played_at: datetime
    track: Track
    context: ContextKind | None

    @property
    def cursor(self) -> int:
        """`played_at` in Unix milliseconds."""
        return round(self.played_at.timestamp() * 1000)


class Library:
    """The libraries of all users over one catalogue."""

    def __init__(self, source: CatalogSource, seed: int) -> None:
        self._source = source
        self._seed = seed
        self._pool: list[str] = []

    def pick(self, key: int) -> str:
        """Return the id of the track of the catalogue that `key` selects.

        Raises:
            CatalogError: the catalogue has no tracks.
        """
        if not self._pool:
            catalog = self._source.on(self._source.first_day)
            listed = chain.from_iterable(catalog.album_tracks(album.id) for album in catalog.albums())
            self._pool = [track.id for track in islice(listed, _POOL_TRACKS)]
        if not self._pool:
            raise CatalogError("the catalogue has no tracks for users to listen to")
        return self._pool[digest(self._seed, 32, key) % len(self._pool)]

    def saved(self, user: User, now: datetime) -> list[tuple[datetime, Track]]:
        """Return (added_at, track) of about 150 saved tracks, last saved first; a few change every day."""
        churn = Churn(digest(self._seed, 33, user.number), founders=60, per_day=1.4, stay=(20, 120))
        first: dict[str, datetime] = {}
        for entry in churn.at(now):
            first.setdefault(self.pick(entry.key), entry.added_at)
        known = [(added_at, self._track(track_id, now)) for track_id, added_at in first.items()]
        listed = [(added_at, track) for added_at, track in known if track]
        return sorted(listed, key=lambda each: (each[0], each[1].id), reverse=True)

    def top(self, user: User, span: TimeRange, now: datetime) -> list[Track]:
        """Return up to 60 top tracks, most played first."""
        turn = now.toordinal() // _CHANGES_EVERY[span]

        def score(number: int) -> tuple[float, int]:
            lasting = Draw(self._seed, 34, user.number, number).unit()
            passing = Draw(self._seed, 35, user.number, number, turn, len(span)).unit()
            return -(lasting + 0.1 * passing), number

        ranked = sorted(range(_TASTE_TRACKS), key=score)
        ids = dict.fromkeys(self._favourite(user, number) for number in ranked)
        found = (self._track(track_id, now) for track_id in ids)
        return list(islice((track for track in found if track), _TOP_TRACKS))

    def top_artists(self, user: User, span: TimeRange, now: datetime) -> list[Artist]:
        """Return the artists of the top tracks, in the order in which they first appear there."""
        return self._artists(self.top(user, span, now), now)

    def followed(self, user: User, now: datetime) -> list[Artist]:
        """Return the artists of the saved tracks, by id; a few change over the weeks."""
        artists = self._artists((track for _, track in self.saved(user, now)), now)
        return sorted(artists, key=lambda artist: artist.id)

    def plays(self, user: User, now: datetime) -> list[Play]:
        """Return the last 50 plays, newest first; Spotify keeps no more."""
        hour = int(now.timestamp()) // 3600
        found: list[Play] = []
        for back in range(_LOOK_BACK_HOURS):
            in_hour = [play for play in self._plays_in(user, hour - back, now) if play.played_at <= now]
            found += reversed(in_hour)
            if len(found) >= PLAYS_KEPT:
                break
        return found[:PLAYS_KEPT]

    def _plays_in(self, user: User, hour: int, now: datetime) -> list[Play]:
        draw = Draw(self._seed, 36, user.number, hour)
        # every second user listens so much that a day holds more plays than Spotify keeps
        heavy = user.number % 2 == 0
        if hour % 24 not in _WAKING_HOURS or not draw.chance(0.6 if heavy else 0.25):
            return []
        count = draw.between(6, 16) if heavy else draw.between(3, 10)
        start = datetime.fromtimestamp(hour * 3600, UTC)
        plays = []
        for number in range(count):
            milliseconds = int((number + draw.unit()) / count * 3_600_000)
            track = self._track(self._favourite(user, draw.below(_TASTE_TRACKS)), now)
            context = draw.pick((ContextKind.PLAYLIST, ContextKind.ALBUM, ContextKind.ARTIST, None))
            if track:
                plays.append(Play(start + timedelta(milliseconds=milliseconds), track, context))
        return plays

    def _favourite(self, user: User, number: int) -> str:
        return self.pick(digest(self._seed, 37, user.number, number))

    def _artists(self, tracks: Iterable[Track], now: datetime) -> list[Artist]:
        catalog = self._source.on(now.date())
        ids = dict.fromkeys(artist_id for track in tracks for artist_id in track.artist_ids)
        return [artist for artist_id in ids if (artist := catalog.artist(artist_id))]

    def _track(self, track_id: str, now: datetime) -> Track | None:
        return self._source.on(now.date()).track(track_id)
