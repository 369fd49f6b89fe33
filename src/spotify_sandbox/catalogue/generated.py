"""Generates a catalogue of any size, deterministic, with a new state every day."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from spotify_sandbox.catalogue.catalog import DEFAULT_MARKETS, Album, Artist, Counts, Track, in_api_order
from spotify_sandbox.catalogue.plans import (
    DEBUTS_FROM,
    FIRST_RELEASE_DAY,
    NAMELESS_FOR,
    TRACKS_PER_ALBUM_MAX,
    VARIOUS_ARTISTS,
    AlbumPlan,
    Planner,
    Recording,
)
from spotify_sandbox.ids import Draw, Kind, digest
from spotify_sandbox.names import GENRES, artist_name

_POPULARITY_EPOCH = date(2020, 1, 1)
_SUPERSEDED_SHARE = 0.4  # of the lead singles: no longer playable after the album's release
_DATE_FORMAT = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}


class GeneratedSource:
    """A catalogue of about `size` tracks (on 2026-11-22); a day depends on seed, size and date only."""

    def __init__(self, seed: int, size: int) -> None:
        self._planner = Planner(seed, size)
        self._last: GeneratedCatalog | None = None

    @property
    def first_day(self) -> date:
        """Day before the first daily releases, with the whole base catalogue."""
        return FIRST_RELEASE_DAY - timedelta(days=1)

    def on(self, day: date) -> GeneratedCatalog:
        """Return the catalogue of a day; the last one is cached."""
        if self._last is None or self._last.served_date != day:
            self._last = GeneratedCatalog(self._planner, day)
        return self._last


class GeneratedCatalog:
    """One day of the generated catalogue; tracks are made when they are requested."""

    def __init__(self, planner: Planner, day: date) -> None:
        self._planner = planner
        self._day = day
        self._plans = {plan.number: plan for plan in self._released_plans()}
        self._listings: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for plan in self._plans.values():
            for artist in plan.artists:
                self._listings[artist].append((plan.album_type, plan.number))
            for artist in {guest for guests in plan.guests.values() for guest in guests} - set(plan.artists):
                self._listings[artist].append(("appears_on", plan.number))
        debuts = (number for number in self._listings if number >= DEBUTS_FROM)
        self._artist_numbers = [*range(planner.artist_count), *sorted(debuts)]
        self._known_artists = frozenset(self._artist_numbers)
        self._album_tracks: dict[int, list[Track]] = {}
        self._artist_cache: dict[int, Artist] = {}
        self._copies: dict[int, list[tuple[int, int]]] | None = None

    @property
    def served_date(self) -> date:
        """Day of this state."""
        return self._day

    def artist(self, artist_id: str) -> Artist | None:
        """Return the artist with this id, from the day of the first release on, else None."""
        number = self._planner.cipher.decode(Kind.ARTIST, artist_id)
        return self._artist(number) if number in self._known_artists and number is not None else None

    def album(self, album_id: str) -> Album | None:
        """Return the album with this id, from its release date on, else None."""
        plan = self._plan(album_id)
        return self._album(plan) if plan else None

    def track(self, track_id: str) -> Track | None:
        """Return the track with this id, from the release date of its album on, else None."""
        number = self._planner.cipher.decode(Kind.TRACK, track_id)
        if number is None:
            return None
        album, position = divmod(number, TRACKS_PER_ALBUM_MAX)
        plan = self._plans.get(album)
        return self._tracks_of(plan)[position] if plan and position < plan.tracks else None

    def artist_albums(self, artist_id: str) -> Sequence[tuple[str, Album]]:
        """Return (album group, album): groups in the order of the API, newest first in each."""
        number = self._planner.cipher.decode(Kind.ARTIST, artist_id)
        listed = self._listings.get(number, ()) if number is not None else ()
        return in_api_order((group, self._album(self._plans[album])) for group, album in listed)

    def album_tracks(self, album_id: str) -> Sequence[Track]:
        """Return the tracks of an album in order of disc and number."""
        plan = self._plan(album_id)
        return self._tracks_of(plan) if plan else ()

    def same_recording(self, track_id: str) -> Sequence[Track]:
        """Return all tracks of the same recording, the first recorded one first."""
        number = self._planner.cipher.decode(Kind.TRACK, track_id)
        if number is None:
            return ()
        if self._copies is None:
            self._copies = defaultdict(list)
            for plan in self._plans.values():
                for position in plan.copies:
                    recording = self._planner.recording(plan.number, position).number
                    self._copies[recording].append((plan.number, position))
        recording = self._planner.recording(*divmod(number, TRACKS_PER_ALBUM_MAX)).number
        places = [divmod(recording, TRACKS_PER_ALBUM_MAX), *self._copies.get(recording, ())]
        return [self._tracks_of(self._plans[album])[at] for album, at in places if album in self._plans]

    def artists(self) -> Iterable[Artist]:
        """Return all artists in order of their numbers."""
        return (self._artist(number) for number in self._artist_numbers)

    def albums(self) -> Iterable[Album]:
        """Return all released albums: the base catalogue, then by release day."""
        return (self._album(plan) for plan in self._plans.values())

    def tracks(self) -> Iterable[Track]:
        """Yield all released tracks, album by album."""
        return (track for plan in self._plans.values() for track in self._make_tracks(plan))

    def counts(self) -> Counts:
        """Return the number of records of each kind."""
        tracks = sum(plan.tracks for plan in self._plans.values())
        return Counts(len(self._artist_numbers), len(self._plans), tracks)

    def _released_plans(self) -> Iterator[AlbumPlan]:
        """Yield the albums of this day: released, and not removed after a takedown."""
        for plan in self._planner.base:
            if plan.released <= self._day and not self._is_gone(plan):
                yield plan
        for index in range((self._day - FIRST_RELEASE_DAY).days + 1):
            for plan in self._planner.releases(FIRST_RELEASE_DAY + timedelta(days=index)):
                if not self._is_gone(plan):
                    yield plan

    def _is_gone(self, plan: AlbumPlan) -> bool:
        since = self._planner.taken_down_on(plan.number)
        return since is not None and since + NAMELESS_FOR <= self._day

    def _is_taken_down(self, plan: AlbumPlan) -> bool:
        since = self._planner.taken_down_on(plan.number)
        return since is not None and since <= self._day

    def _markets(self, plan: AlbumPlan) -> tuple[str, ...]:
        """Return the markets of an album: mostly all, sometimes a few, rarely none."""
        draw = Draw(self._planner.seed, 6, plan.number)
        if self._is_taken_down(plan):
            return ()
        if plan.is_lead_single and draw.chance(_SUPERSEDED_SHARE):
            return ()
        share = draw.unit()
        if share < 0.85:
            return DEFAULT_MARKETS
        return () if share < 0.88 else DEFAULT_MARKETS[draw.below(12) :: 2]

    def _plan(self, album_id: str) -> AlbumPlan | None:
        number = self._planner.cipher.decode(Kind.ALBUM, album_id)
        return self._plans.get(number) if number is not None else None

    def _artist_ids(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._planner.cipher.encode(Kind.ARTIST, number) for number in numbers)

    def _artist(self, number: int) -> Artist:
        known = self._artist_cache.get(number)
        if known is None:
            known = self._artist_cache[number] = self._make_artist(number)
        return known

    def _make_artist(self, number: int) -> Artist:
        draw = Draw(self._planner.seed, 1, number)
        name = "Various Artists" if number == VARIOUS_ARTISTS else artist_name(draw)
        followers, growth = int(10 ** (2 + 5 * draw.unit())), draw.unit() * 0.002
        genres = tuple(sorted({draw.pick(GENRES) for _ in range(draw.below(4))}))
        picture = digest(self._planner.seed, 11, number)
        return Artist(
            id=self._planner.cipher.encode(Kind.ARTIST, number),
            name=name,
            genres=genres,
            popularity=self._popularity(1, number, draw.between(15, 90)),
            followers=int(followers * (1 + growth * self._age)),
            image_url=None
            if draw.chance(0.05)
            else f"https://i.scdn.co/image/ab6761610000e5eb{picture:016x}",
        )

    def _album(self, plan: AlbumPlan) -> Album:
        draw = Draw(self._planner.seed, 6, plan.number)
        picture = digest(self._planner.seed, 12, plan.number)
        return Album(
            id=plan.id,
            name="" if self._is_taken_down(plan) else plan.name,
            artist_ids=self._artist_ids(plan.artists),
            album_type=plan.album_type,
            release_date=plan.released.strftime(_DATE_FORMAT[plan.precision]),
            release_date_precision=plan.precision,
            total_tracks=plan.tracks,
            image_url=f"https://i.scdn.co/image/ab67616d0000b273{picture:016x}",
            label=plan.label,
            upc=f"{digest(self._planner.seed, 13, plan.number) % 10**12:012d}",
            popularity=self._popularity(2, plan.number, draw.between(5, 85)),
            markets=self._markets(plan),
            copyrights=(f"{plan.released.year} {plan.label}",),
        )

    def _tracks_of(self, plan: AlbumPlan) -> list[Track]:
        known = self._album_tracks.get(plan.number)
        if known is None:
            known = self._album_tracks[plan.number] = self._make_tracks(plan)
        return known

    def _make_tracks(self, plan: AlbumPlan) -> list[Track]:
        per_disc = math.ceil(plan.tracks / plan.discs)
        markets = self._markets(plan)
        return [
            self._track(plan, position, per_disc, markets, self._planner.recording(plan.number, position))
            for position in range(plan.tracks)
        ]

    def _track(
        self, plan: AlbumPlan, position: int, per_disc: int, markets: tuple[str, ...], recording: Recording
    ) -> Track:
        number = plan.number * TRACKS_PER_ALBUM_MAX + position
        base = digest(self._planner.seed, 7, recording.number) % 80
        preview = digest(self._planner.seed, 14, recording.number)
        return Track(
            id=self._planner.cipher.encode(Kind.TRACK, number),
            name=recording.name,
            album_id=plan.id,
            artist_ids=self._artist_ids(recording.artists),
            track_number=position % per_disc + 1,
            disc_number=position // per_disc + 1,
            duration_ms=recording.duration_ms,
            explicit=recording.explicit,
            isrc=recording.isrc,
            popularity=self._popularity(3, number, base),
            preview_url=f"https://p.scdn.co/mp3-preview/{preview:040x}" if recording.preview else None,
            markets=markets,
        )

    @property
    def _age(self) -> int:
        return max(0, (self._day - _POPULARITY_EPOCH).days)

    def _popularity(self, kind: int, number: int, base: int) -> int:
        """Return a popularity that changes slowly around `base` with some noise, mostly every day."""
        key = digest(self._planner.seed, 8, kind, number)
        wave = 6 * math.sin(2 * math.pi * ((self._age % 97) / 97 + (key % 97) / 97))
        noise = digest(key, self._day.toordinal()) % 3 - 1
        return max(0, min(100, base + round(wave) + noise))
