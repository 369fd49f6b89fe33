"""Renders records of the catalogue as JSON objects of the Web API, for either class of app."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from spotify_sandbox.catalogue.catalog import Album, Artist, Catalog, Track
from spotify_sandbox.responses import Window, page

EMBEDDED_TRACKS = 50
_IMAGE_SIZES = (640, 300, 64)


class Mode(StrEnum):
    """The class of app."""

    DEVELOPMENT = "development"
    EXTENDED = "extended"


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the objects of one response.

    Attributes:
        catalog: Catalogue of the current date.
        mode: Class of app.
        base: Address of the API at the host that the client used, such as http://127.0.0.1:8080/v1.
        market: Country code of the request, which replaces available_markets by is_playable.
    """

    catalog: Catalog
    mode: Mode
    base: str
    market: str | None = None

    def artist(self, artist: Artist) -> dict[str, Any]:
        """Return an ArtistObject; Development Mode has no followers and no popularity."""
        rendered = self.link("artist", artist.id) | {
            "genres": list(artist.genres),
            "images": _images(artist.image_url),
            "name": artist.name,
        }
        if self.mode is Mode.EXTENDED:
            rendered["followers"] = {"href": None, "total": artist.followers or 0}
            rendered["popularity"] = artist.popularity or 0
        return rendered

    def simplified_artists(self, artist_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Return the SimplifiedArtistObject of each id."""
        return [self._simplified_artist(artist_id) for artist_id in artist_ids]

    def simplified_album(self, album: Album) -> dict[str, Any]:
        """Return a SimplifiedAlbumObject; Development Mode has no available_markets."""
        rendered = self.link("album", album.id) | {
            "album_type": album.album_type,
            "artists": self.simplified_artists(album.artist_ids),
            "images": _images(album.image_url),
            "name": album.name,
            "release_date": album.release_date,
            "release_date_precision": album.release_date_precision,
            "total_tracks": album.total_tracks,
        }
        return self._with_markets(rendered, album.markets)

    def discography_album(self, group: str, album: Album) -> dict[str, Any]:
        """Return an ArtistDiscographyAlbumObject; Development Mode has no album_group."""
        rendered = self.simplified_album(album)
        if self.mode is Mode.EXTENDED:
            rendered["album_group"] = group
        return rendered

    def album(self, album: Album) -> dict[str, Any]:
        """Return an AlbumObject with 50 tracks; Development Mode has no label and no popularity."""
        rendered = self.simplified_album(album) | {
            "copyrights": [
                {"text": f"({sign}) {text}", "type": sign} for text in album.copyrights for sign in "CP"
            ],
            "external_ids": {"upc": album.upc} if album.upc else {},
            "genres": list(album.genres),
            "tracks": self.album_tracks(album, Window(EMBEDDED_TRACKS, 0)),
        }
        if self.mode is Mode.EXTENDED:
            rendered["label"] = album.label
            rendered["popularity"] = album.popularity or 0
        return rendered

    def album_tracks(self, album: Album, asked: Window) -> dict[str, Any]:
        """Return a page of SimplifiedTrackObject; `total` is the number of tracks in the catalogue."""
        tracks = self.catalog.album_tracks(album.id)
        listed = tracks[asked.offset : asked.offset + asked.limit]
        extra = {"market": self.market} if self.market else {}
        items = [self.simplified_track(track) for track in listed]
        return page(f"{self.base}/albums/{album.id}/tracks", asked, items, len(tracks), extra)

    def simplified_track(self, track: Track) -> dict[str, Any]:
        """Return a SimplifiedTrackObject: no external_ids, no popularity."""
        rendered = self.link("track", track.id) | {
            "artists": self.simplified_artists(track.artist_ids),
            "disc_number": track.disc_number,
            "duration_ms": track.duration_ms,
            "explicit": track.explicit,
            "is_local": False,
            "name": track.name,
            "preview_url": track.preview_url,
            "track_number": track.track_number,
        }
        return self._with_markets(rendered, track.markets, playable=True)

    def track(self, asked: Track) -> dict[str, Any]:
        """Return a TrackObject; Development Mode has no popularity and no linked_from.

        If the track cannot be played in the market, another track of the same recording that can be played
        is returned, which Spotify calls relinking.
        """
        track = self._playable(asked)
        rendered = self.simplified_track(track)
        if track is not asked and self.mode is Mode.EXTENDED:
            rendered["linked_from"] = self.link("track", asked.id)
        rendered["external_ids"] = {"isrc": track.isrc} if track.isrc else {}
        album = self.catalog.album(track.album_id)
        if album is not None:
            rendered["album"] = self.simplified_album(album)
        if self.mode is Mode.EXTENDED and track.popularity is not None:
            rendered["popularity"] = track.popularity
        return rendered

    def _playable(self, track: Track) -> Track:
        if self.market is None or self.market in track.markets:
            return track
        others = self.catalog.same_recording(track.id)
        return next((other for other in others if self.market in other.markets), track)

    def _simplified_artist(self, artist_id: str) -> dict[str, Any]:
        artist = self.catalog.artist(artist_id)
        return self.link("artist", artist_id) | {"name": artist.name if artist else artist_id}

    def link(self, kind: str, record_id: str) -> dict[str, Any]:
        """Return the fields that every object of the API has: id, type, URI and addresses."""
        return {
            "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{record_id}"},
            "href": f"{self.base}/{kind}s/{record_id}",
            "id": record_id,
            "type": kind,
            "uri": f"spotify:{kind}:{record_id}",
        }

    def _with_markets(
        self, rendered: dict[str, Any], markets: tuple[str, ...], *, playable: bool = False
    ) -> dict[str, Any]:
        if self.market is None:
            if self.mode is Mode.EXTENDED:
                rendered["available_markets"] = list(markets)
        elif playable:
            rendered["is_playable"] = self.market in markets
            if not rendered["is_playable"]:
                rendered["restrictions"] = {"reason": "market"}
        return rendered


def _images(url: str | None) -> list[dict[str, Any]]:
    return [{"height": size, "url": url, "width": size} for size in _IMAGE_SIZES] if url else []
