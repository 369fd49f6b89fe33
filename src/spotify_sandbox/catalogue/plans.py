"""Plans the part of the generated catalogue that does not depend on the date: albums, artists and tracks.

Albums of the base catalogue have the numbers 0, 1, 2 …; the k-th release of the d-th day after
FIRST_RELEASE_DAY has the number RELEASES_FROM + 1000·d + k. An album is computed from the seed and its
number, so the releases of a day do not need the days before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from spotify_sandbox.ids import Draw, IdCipher, Kind, digest
from spotify_sandbox.names import LABELS, album_name, compilation_name, track_name

FIRST_RELEASE_DAY = date(2026, 1, 1)
RELEASES_FROM = 10_000_000
RELEASES_PER_DAY_MAX = 1_000
DEBUTS_FROM = 1_000_000
VARIOUS_ARTISTS = 0
TRACKS_PER_ALBUM_MAX = 128
_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE_SHARE = 0.72  # of the requested size; the rest are daily releases until November 2026
NAMELESS_FOR = timedelta(days=14)
_TAKEDOWN_SHARE, _TAKEDOWN_DAYS = 0.04, 730
_BOX_SET_EVERY, _TWO_DISCS_EVERY, _COMPILATION_EVERY, _LEAD_SINGLE_EVERY = 61, 17, 23, 5


@dataclass(frozen=True, slots=True)
class AlbumPlan:
    """A planned album: artists by number; `copies` has the tracks first recorded for another album."""

    number: int
    id: str
    name: str
    album_type: str
    artists: tuple[int, ...]
    released: date
    precision: str
    tracks: int
    discs: int
    guests: dict[int, tuple[int, ...]]
    copies: dict[int, tuple[int, int]]
    label: str

    @property
    def is_lead_single(self) -> bool:
        """Whether its only track is also on an album."""
        return self.album_type == "single" and bool(self.copies)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, which tracks of several albums share with its ISRC."""

    name: str
    artists: tuple[int, ...]
    duration_ms: int
    explicit: bool
    isrc: str | None
    preview: bool
    number: int


class Planner:
    """Plans a catalogue of about `size` tracks from a seed."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed = seed
        self.cipher = IdCipher(seed)
        self.artist_count = max(12, size // 25)
        self._releases_per_day = max(1.0, size / 2000)
        self._plans: dict[int, AlbumPlan] = {}
        self.base: list[AlbumPlan] = []
        planned = 0
        while planned < size * _BASE_SHARE:
            album = self._base_album(len(self.base))
            self._plans[album.number] = album
            self.base.append(album)
            planned += album.tracks

    def plan(self, number: int) -> AlbumPlan:
        """Return the album with this number, of the base catalogue or of the releases of a day."""
        known = self._plans.get(number)
        if known is None:
            known = self._plans[number] = self._release(number)
        return known

    def taken_down_on(self, number: int) -> date | None:
        """Return the day on which the album loses its name and markets; NAMELESS_FOR later it is removed."""
        draw = Draw(self.seed, 16, number)
        if not draw.chance(_TAKEDOWN_SHARE):
            return None
        released = max(self.plan(number).released, FIRST_RELEASE_DAY)
        return released + timedelta(days=1 + draw.below(_TAKEDOWN_DAYS))

    def releases(self, day: date) -> list[AlbumPlan]:
        """Return the releases of a day; there are none before FIRST_RELEASE_DAY."""
        index = (day - FIRST_RELEASE_DAY).days
        if index < 0:
            return []
        draw = Draw(self.seed, 5, index)
        whole, part = divmod(self._releases_per_day, 1)
        count = min(int(whole) + draw.chance(part), RELEASES_PER_DAY_MAX)
        first = RELEASES_FROM + index * RELEASES_PER_DAY_MAX
        return [self.plan(first + position) for position in range(count)]

    def recording(self, number: int, position: int) -> Recording:
        """Return the recording of one track of an album."""
        plan = self.plan(number)
        if position in plan.copies:
            return self.recording(*plan.copies[position])
        track_number = number * TRACKS_PER_ALBUM_MAX + position
        draw = Draw(self.seed, 4, track_number)
        artists = plan.artists if VARIOUS_ARTISTS not in plan.artists else ()
        return Recording(
            name=track_name(draw),
            artists=artists + plan.guests.get(position, ()),
            duration_ms=draw.between(62_000, 418_000),
            explicit=draw.chance(0.15),
            isrc=_isrc(draw, plan.released.year, track_number),
            preview=draw.chance(0.6),
            number=track_number,
        )

    def _base_album(self, number: int) -> AlbumPlan:
        draw = Draw(self.seed, 2, number)
        if number % _LEAD_SINGLE_EVERY == _LEAD_SINGLE_EVERY - 1 and self.base[-1].album_type == "album":
            return self._lead_single(number, draw)
        if number % _COMPILATION_EVERY == _COMPILATION_EVERY - 1:
            return self._compilation(number, draw)
        released = date(2025, 12, 31) - timedelta(days=int(21_000 * draw.unit() ** 2))
        precision = draw.pick(("year", "month", "day")) if released.year < 1995 else "day"
        if number % _BOX_SET_EVERY == 7:
            return self._album(number, draw, draw.between(52, 86), released, precision, discs=4)
        if number % _TWO_DISCS_EVERY == 3:
            return self._album(number, draw, draw.between(16, 28), released, precision, discs=2)
        tracks = draw.between(8, 16) if draw.chance(0.65) else draw.between(1, 6)
        return self._album(number, draw, tracks, released, precision)

    def _release(self, number: int) -> AlbumPlan:
        index, position = divmod(number - RELEASES_FROM, RELEASES_PER_DAY_MAX)
        draw = Draw(self.seed, 3, number)
        size = draw.unit()
        tracks = 1 if size < 0.8 else 2 if size < 0.95 else draw.between(8, 14)
        day = FIRST_RELEASE_DAY + timedelta(days=index)
        debut = (DEBUTS_FROM + index,) if index % 10 == 0 and position == 0 else None
        return self._album(number, draw, tracks, day, "day", artists=debut)

    def _album(
        self,
        number: int,
        draw: Draw,
        tracks: int,
        released: date,
        precision: str,
        *,
        discs: int = 1,
        artists: tuple[int, ...] | None = None,
    ) -> AlbumPlan:
        artists = artists or self._some_artists(draw, 1 + draw.chance(0.15) + draw.chance(0.05))
        guests = {
            position: guest
            for position in range(tracks)
            if draw.chance(0.12) and (guest := self._some_artists(draw, 1))[0] not in artists
        }
        return AlbumPlan(
            number=number,
            id=self.cipher.encode(Kind.ALBUM, number),
            name=album_name(draw),
            album_type="single" if tracks <= 6 else "album",
            artists=artists,
            released=_shortened(released, precision),
            precision=precision,
            tracks=tracks,
            discs=discs,
            guests=guests,
            copies={},
            label=draw.pick(LABELS),
        )

    def _lead_single(self, number: int, draw: Draw) -> AlbumPlan:
        album = self.base[-1]
        position = draw.below(album.tracks)
        return AlbumPlan(
            number=number,
            id=self.cipher.encode(Kind.ALBUM, number),
            name=self.recording(album.number, position).name,
            album_type="single",
            artists=album.artists,
            released=album.released - timedelta(days=draw.between(20, 60)),
            precision="day",
            tracks=1,
            discs=1,
            guests={0: album.guests[position]} if position in album.guests else {},
            copies={0: (album.number, position)},
            label=album.label,
        )

    def _compilation(self, number: int, draw: Draw) -> AlbumPlan:
        chosen: dict[int, tuple[int, int]] = {}  # by the recording, so that none is there twice
        for _ in range(draw.between(10, 20)):
            album = draw.pick(self.base)
            place = (album.number, draw.below(album.tracks))
            chosen.setdefault(self.recording(*place).number, place)
        copies = dict(enumerate(chosen.values()))
        last = max(self.plan(source).released for source, _ in copies.values())
        return AlbumPlan(
            number=number,
            id=self.cipher.encode(Kind.ALBUM, number),
            name=compilation_name(draw),
            album_type="compilation",
            artists=(VARIOUS_ARTISTS,),
            released=min(last + timedelta(days=draw.between(30, 700)), date(2025, 12, 31)),
            precision="day",
            tracks=len(copies),
            discs=1,
            guests={position: self.recording(*copy).artists for position, copy in copies.items()},
            copies=copies,
            label=draw.pick(LABELS),
        )

    def _some_artists(self, draw: Draw, count: int) -> tuple[int, ...]:
        """Draw distinct artists; low numbers are more likely, so that a few artists have many albums."""
        chosen: dict[int, None] = {}
        while len(chosen) < count:
            chosen[1 + int((self.artist_count - 1) * draw.unit() ** 2)] = None
        return tuple(chosen)


def _shortened(day: date, precision: str) -> date:
    """Return the first day of the year or month that the precision allows."""
    if precision == "year":
        return day.replace(month=1, day=1)
    return day.replace(day=1) if precision == "month" else day


def _isrc(draw: Draw, year: int, number: int) -> str | None:
    """Return an ISRC (ISO 3901); a few are missing, in lower case or hyphenated, as in recorded responses."""
    country, form = draw.pick(("QZ", "GB", "DE", "SE")), draw.unit()
    if form < 0.03:
        return None
    registrant, designation = divmod(digest(number) % 129_600_000, 100_000)
    first, second = divmod(registrant, 36)
    code = f"{country}Z{_BASE36[first]}{_BASE36[second]}{year % 100:02d}{designation:05d}"
    if form < 0.05:
        return code.lower()
    return f"{code[:2]}-{code[2:5]}-{code[5:7]}-{code[7:]}" if form < 0.07 else code
