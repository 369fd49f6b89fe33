"""Renders users, playlists, their entries and plays as the JSON objects of the Web API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote_plus

from spotify_sandbox.accounts.library import ContextKind, Play
from spotify_sandbox.accounts.playlists import ItemKind, Playlist, PlaylistEntry, Playlists
from spotify_sandbox.accounts.users import User
from spotify_sandbox.catalogue.catalog import Track
from spotify_sandbox.catalogue.render import Mode, Renderer
from spotify_sandbox.ids import Draw, digest
from spotify_sandbox.names import artist_name, track_name
from spotify_sandbox.responses import Window, page


class Keys(StrEnum):
    """Keys of a playlist's entries and of an entry's content: `items`/`item` since February 2026."""

    OLD = "old"
    NEW = "new"
    BOTH = "both"


_LIST_KEYS = {Keys.OLD: ("tracks",), Keys.NEW: ("items",), Keys.BOTH: ("items", "tracks")}
_ENTRY_KEYS = {Keys.OLD: ("track",), Keys.NEW: ("item",), Keys.BOTH: ("item", "track")}


@dataclass(frozen=True, slots=True)
class UserRenderer:
    """Renders users, playlists and plays, with a renderer of the catalogue for their tracks."""

    renderer: Renderer
    playlists: Playlists
    now: datetime

    def private_user(self, user: User, scopes: frozenset[str]) -> dict[str, Any]:
        """Return a PrivateUserObject; Development Mode has no country, e-mail, product or followers."""
        rendered = self.user(user.id) | {"display_name": user.display_name, "images": []}
        if self.renderer.mode is Mode.EXTENDED:
            rendered["followers"] = {"href": None, "total": 3 * user.number}
            if "user-read-private" in scopes:
                filters = {"filter_enabled": False, "filter_locked": False}
                rendered |= {"country": user.country, "product": "premium", "explicit_content": filters}
            if "user-read-email" in scopes:
                rendered["email"] = f"{user.id}@example.com"
        return rendered

    def user(self, user_id: str) -> dict[str, Any]:
        """Return a PlaylistUserObject."""
        return {
            "external_urls": {"spotify": f"https://open.spotify.com/user/{user_id}"},
            "href": f"{self.renderer.base}/users/{user_id}",
            "id": user_id,
            "type": "user",
            "uri": f"spotify:user:{user_id}",
        }

    def saved_track(self, added_at: datetime, track: Track) -> dict[str, Any]:
        """Return a SavedTrackObject."""
        return {"added_at": _seconds(added_at), "track": self.renderer.track(track)}

    def simplified_playlist(self, playlist: Playlist, total: int) -> dict[str, Any]:
        """Return a SimplifiedPlaylistObject, with the number of entries instead of the entries."""
        keys = Keys.OLD if self.renderer.mode is Mode.EXTENDED else Keys.NEW
        (name,) = _LIST_KEYS[keys]
        return self.metadata(playlist) | {
            name: {"href": f"{self._href(playlist)}/{name}", "total": total},
        }

    def metadata(self, playlist: Playlist) -> dict[str, Any]:
        """Return a playlist without its entries, as Development Mode shows those of other users."""
        owner_name = playlist.owner.display_name if playlist.owner else "Spotify"
        picture = digest(51, *playlist.id.encode())
        return {
            "collaborative": playlist.collaborative,
            "description": playlist.description,
            "external_urls": {"spotify": f"https://open.spotify.com/playlist/{playlist.id}"},
            "href": self._href(playlist),
            "id": playlist.id,
            "images": [{"height": None, "url": f"https://mosaic.scdn.co/640/{picture:016x}", "width": None}],
            "name": playlist.name,
            "owner": self.user(playlist.owner_id) | {"display_name": owner_name},
            "primary_color": None,
            "public": playlist.public,
            "snapshot_id": self.playlists.snapshot_id(playlist, self.now),
            "type": "playlist",
            "uri": f"spotify:playlist:{playlist.id}",
        }

    def playlist(
        self, playlist: Playlist, entries: list[PlaylistEntry], asked: Window, keys: Keys
    ) -> dict[str, Any]:
        """Return a PlaylistObject with the first page of its entries."""
        rendered = self.metadata(playlist) | {
            "followers": {"href": None, "total": len(playlist.followers)},
        }
        for name in _LIST_KEYS[keys]:
            rendered[name] = self.entries_page(playlist, entries, asked, keys, path=name)
        return rendered

    def entries_page(
        self,
        playlist: Playlist,
        entries: list[PlaylistEntry],
        asked: Window,
        keys: Keys,
        *,
        path: str,
        extra: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return a page of PlaylistTrackObject."""
        listed = entries[asked.offset : asked.offset + asked.limit]
        items = [self._entry(entry, _ENTRY_KEYS[keys]) for entry in listed]
        return page(f"{self._href(playlist)}/{path}", asked, items, len(entries), extra)

    def play(self, play: Play, playlist: Playlist | None) -> dict[str, Any]:
        """Return a PlayHistoryObject; `playlist` is the context of plays from a playlist."""
        return {
            "track": self.renderer.track(play.track),
            "played_at": play.played_at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{play.cursor % 1000:03d}Z",
            "context": self._context(play, playlist),
        }

    def _context(self, play: Play, playlist: Playlist | None) -> dict[str, Any] | None:
        ids = {
            ContextKind.PLAYLIST: playlist.id if playlist else None,
            ContextKind.ALBUM: play.track.album_id,
            ContextKind.ARTIST: next(iter(play.track.artist_ids), None),
        }
        record_id = ids[play.context] if play.context else None
        if play.context is None or record_id is None:
            return None
        return {
            "external_urls": {"spotify": f"https://open.spotify.com/{play.context}/{record_id}"},
            "href": f"{self.renderer.base}/{play.context}s/{record_id}",
            "type": str(play.context),
            "uri": f"spotify:{play.context}:{record_id}",
        }

    def _entry(self, entry: PlaylistEntry, keys: Iterable[str]) -> dict[str, Any]:
        content = self._content(entry)
        return {
            "added_at": _seconds(entry.added_at) if entry.added_at else None,
            "added_by": self.user(entry.added_by),
            "is_local": entry.kind is ItemKind.LOCAL,
            "primary_color": None,
            "video_thumbnail": {"url": None},
        } | dict.fromkeys(keys, content)

    def _content(self, entry: PlaylistEntry) -> dict[str, Any] | None:
        if entry.kind is ItemKind.LOCAL:
            return _local_track(entry.key)
        if entry.kind is ItemKind.EPISODE:
            return self._episode(entry.key)
        track = self.renderer.catalog.track(entry.track_id) if entry.track_id else None
        if track is None:  # a null entry, or a track that is no longer in the catalogue
            return None
        return self.renderer.track(track) | {"episode": False, "track": True}

    def _episode(self, key: int) -> dict[str, Any]:
        draw = Draw(key, 52)
        show_id, name = self.playlists.show_id(key), track_name(draw)
        show = self.renderer.link("show", show_id) | {
            "available_markets": [],
            "copyrights": [],
            "description": "A made-up show",
            "explicit": False,
            "html_description": "<p>A made-up show</p>",
            "images": [],
            "is_externally_hosted": False,
            "languages": ["en"],
            "media_type": "audio",
            "name": f"Talking of {artist_name(Draw(key % 7, 53))}",
            "publisher": "Nobody",
            "total_episodes": 100,
        }
        return self.renderer.link("episode", self.playlists.episode_id(key)) | {
            "audio_preview_url": None,
            "description": name,
            "duration_ms": draw.between(600_000, 5_400_000),
            "episode": True,
            "explicit": False,
            "html_description": f"<p>{name}</p>",
            "images": [],
            "is_externally_hosted": False,
            "is_playable": True,
            "language": "en",
            "languages": ["en"],
            "name": name,
            "release_date": f"202{draw.below(6)}-0{draw.between(1, 9)}-{draw.between(10, 28)}",
            "release_date_precision": "day",
            "resume_point": {"fully_played": draw.chance(0.3), "resume_position_ms": 0},
            "show": show,
            "track": False,
        }

    def _href(self, playlist: Playlist) -> str:
        return f"{self.renderer.base}/playlists/{playlist.id}"


def _local_track(key: int) -> dict[str, Any]:
    """Return a local track as Spotify shows it: no ids, no markets, a URI of names."""
    draw = Draw(key, 54)
    artist, name, duration = artist_name(draw), track_name(draw), draw.between(90_000, 400_000)
    return {
        "album": {
            "album_type": None,
            "artists": [],
            "available_markets": [],
            "external_urls": {},
            "href": None,
            "id": None,
            "images": [],
            "name": "",
            "release_date": None,
            "release_date_precision": None,
            "type": "album",
            "uri": None,
        },
        "artists": [
            {"external_urls": {}, "href": None, "id": None, "name": artist, "type": "artist", "uri": None}
        ],
        "available_markets": [],
        "disc_number": 0,
        "duration_ms": duration,
        "explicit": False,
        "external_ids": {},
        "external_urls": {},
        "href": None,
        "id": None,
        "is_local": True,
        "name": name,
        "popularity": 0,
        "preview_url": None,
        "track_number": 0,
        "type": "track",
        "uri": f"spotify:local:{quote_plus(artist)}::{quote_plus(name)}:{duration // 1000}",
    }


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
