"""Writes a sources.yml for the sandbox: all its artists, and one source of each other kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import yaml

from spotify_pipeline import connections
from spotify_pipeline.files import write_atomically
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.client import SpotifyClient
from spotify_sandbox.control import SandboxControl
from spotify_stack import airflow_environment
from spotify_stack.state import StackState

ARTIST_SOURCES = 8
ALBUMS = 5
SEARCH_RESULTS = 50

SourceEntry = dict[str, Any]


def of_sandbox(state: StackState) -> list[SourceEntry]:
    """Return the entries of sources.yml for the date that the sandbox serves now.

    A catalogue folder gets all artists. The seeded catalogue also gets albums, a search, and the sources of
    the user who is logged in.
    """
    with SandboxControl(state.sandbox_url) as control:
        artists = control.catalog().artists
        playlists = control.playlists()
    entries = artist_entries(artist_id for artist_id, _ in artists)
    if state.sandbox.catalog is None and artists:
        first_id, first_name = min(artists)
        entries.append({"name": "albums", "kind": "album", "ids": _albums(state, first_id)})
        entries.append(
            {
                "name": "search",
                "kind": "search",
                "queries": [f'artist:"{first_name}"'],
                "types": ["track"],
                "max_results": SEARCH_RESULTS,
            }
        )
    if state.user_token and artists:
        own = (playlist["id"] for playlist in playlists if playlist["owner"] == state.sandbox_user)
        entries += user_entries(own)
    return entries


def user_entries(playlist_ids: Iterable[str]) -> list[SourceEntry]:
    """Return one source of each kind that belongs to a user."""
    return [
        {"name": "my-playlists", "kind": "playlist", "ids": sorted(playlist_ids)},
        {"name": "my-saved-tracks", "kind": "saved_tracks"},
        {"name": "my-top-tracks", "kind": "top_tracks"},
        {"name": "my-top-artists", "kind": "top_artists"},
        {"name": "my-artists", "kind": "followed_artists"},
        {"name": "my-plays", "kind": "recently_played"},
    ]


def artist_entries(artist_ids: Iterable[str]) -> list[SourceEntry]:
    """Return the ids in at most eight sources; the hash of an id selects its source, the same every day."""
    groups: dict[int, list[str]] = {}
    for artist_id in sorted(artist_ids):
        number = int(hashlib.sha256(artist_id.encode()).hexdigest(), 16) % ARTIST_SOURCES
        groups.setdefault(number, []).append(artist_id)
    return [
        {
            "name": f"artists-{number + 1}",
            "kind": "artist",
            "include_groups": ["album", "single", "compilation"],
            "ids": ids,
        }
        for number, ids in sorted(groups.items())
    ]


def write(state: StackState, entries: list[SourceEntry]) -> None:
    """Replace the stack's sources.yml by these entries."""
    text = "# written for the sandbox of this stack\n" + yaml.safe_dump(
        {"version": 1, "sources": entries}, sort_keys=False
    )
    write_atomically(state.paths.sources, text)


def _albums(state: StackState, artist_id: str) -> list[str]:
    connection = connections.from_environment(
        connections.SPOTIFY_API, airflow_environment.connection_variables(state)
    )
    with SpotifyClient.from_connection(connection, Settings.load()) as client:
        page = client.get(f"/artists/{artist_id}/albums", {"limit": str(ALBUMS)}).document
    return sorted(album["id"] for album in page["items"])
