"""A catalogue of one date held in memory, with the indices the endpoints ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain

from spotify_sandbox.records import ALBUM_GROUPS, Album, Artist, Counts, Track


class IndexedCatalog:
    """Records by id, albums by artist, tracks by album."""

    def __init__(
        self,
        served_date: date,
        artists: Mapping[str, Artist],
        albums: Mapping[str, Album],
        tracks: Mapping[str, Track],
    ) -> None:
        self._served_date = served_date
        self._tracks = tracks
        self._album_tracks: dict[str, list[Track]] = defaultdict(list)
        self._by_isrc: dict[str, list[Track]] = defaultdict(list)
        for track in tracks.values():
            self._album_tracks[track.album_id].append(track)
            if track.isrc:
                self._by_isrc[_normalised(track.isrc)].append(track)
        for listed in self._album_tracks.values():
            listed.sort(key=lambda track: (track.disc_number, track.track_number))  # stable: file order last
        self._albums = {album_id: self._completed(album) for album_id, album in albums.items()}
        self._artists = dict(artists)
        self._add_unlisted_artists()
        self._artist_albums = self._index_artist_albums()

    @property
    def served_date(self) -> date:
        """The date whose state this is."""
        return self._served_date

    def artist(self, artist_id: str) -> Artist | None:
        """The artist with this id, if there is one."""
        return self._artists.get(artist_id)

    def album(self, album_id: str) -> Album | None:
        """The album with this id, if there is one."""
        return self._albums.get(album_id)

    def track(self, track_id: str) -> Track | None:
        """The track with this id, if there is one."""
        return self._tracks.get(track_id)

    def artist_albums(self, artist_id: str) -> Sequence[tuple[str, Album]]:
        """(album group, album) of the artist: groups in the order of ALBUM_GROUPS, newest first in each."""
        return self._artist_albums.get(artist_id, ())

    def album_tracks(self, album_id: str) -> Sequence[Track]:
        """The album's tracks by disc and number, then by their order in the file."""
        return self._album_tracks.get(album_id, ())

    def same_recording(self, track_id: str) -> Sequence[Track]:
        """Every track with the ISRC of this one, in file order; itself alone when it has none."""
        track = self._tracks.get(track_id)
        if track is None:
            return ()
        return self._by_isrc[_normalised(track.isrc)] if track.isrc else (track,)

    def artists(self) -> Iterable[Artist]:
        """Every artist, in file order."""
        return self._artists.values()

    def albums(self) -> Iterable[Album]:
        """Every album, in file order."""
        return self._albums.values()

    def tracks(self) -> Iterable[Track]:
        """Every track, in file order."""
        return self._tracks.values()

    def counts(self) -> Counts:
        """How many of each there are."""
        return Counts(len(self._artists), len(self._albums), len(self._tracks))

    def _completed(self, album: Album) -> Album:
        """Fill what the API always gives; an album without popularity gets the mean of its tracks."""
        listed = self._album_tracks.get(album.id, [])
        known = [track.popularity for track in listed if track.popularity is not None]
        popularity = album.popularity
        if popularity is None and known:
            popularity = round(sum(known) / len(known))
        return replace(album, popularity=popularity, total_tracks=album.total_tracks or len(listed))

    def _add_unlisted_artists(self) -> None:
        """An artist that only albums or tracks mention is served too, named by the id."""
        albums = (album.artist_ids for album in self._albums.values())
        tracks = (track.artist_ids for track in self._tracks.values())
        for artist_id in chain.from_iterable(chain(albums, tracks)):
            if artist_id not in self._artists:
                self._artists[artist_id] = Artist(artist_id, artist_id)

    def _index_artist_albums(self) -> dict[str, list[tuple[str, Album]]]:
        index: dict[str, dict[str, tuple[str, Album]]] = defaultdict(dict)
        for album in self._albums.values():
            for artist_id in album.artist_ids:
                index[artist_id][album.id] = (album.album_type, album)
        for track in self._tracks.values():
            for artist_id in track.artist_ids:
                index[artist_id].setdefault(track.album_id, ("appears_on", self._albums[track.album_id]))
        return {artist_id: in_api_order(listed.values()) for artist_id, listed in index.items()}


def in_api_order(listed: Iterable[tuple[str, Album]]) -> list[tuple[str, Album]]:
    """Sort an artist's albums as the API lists them: by group, newest first, ids deciding equal dates."""
    newest_first = sorted(listed, key=lambda entry: (entry[1].release_date, entry[1].id), reverse=True)
    return sorted(newest_first, key=lambda entry: ALBUM_GROUPS.index(entry[0]))


def _normalised(isrc: str) -> str:
    return isrc.replace("-", "").upper()
