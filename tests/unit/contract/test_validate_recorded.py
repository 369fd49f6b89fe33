"""Tests `spotify-pipeline validate` with the recorded responses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spotify_pipeline.cli.validate import survey_file
from tests.unit.cli.validating import counted, run

# FOLDER/FILE, then valid, quarantined and set aside of tracks, then of albums
RECORDED = """
JMPerez/album.json 13 0 0 0 1 0
JMPerez/album_tracks.json 13 0 0 0 0 0
JMPerez/albums.json 20 0 0 0 1 0
JMPerez/artist_albums.json 0 0 0 20 0 0
JMPerez/artist_albums_limit_2.json 0 0 0 2 0 0
JMPerez/artist_top_tracks.json 10 0 0 0 0 0
JMPerez/current_playback.json 0 0 1 0 0 0
JMPerez/new_releases.json 0 0 0 20 0 0
JMPerez/playlist.json 30 0 0 0 0 0
JMPerez/playlist_tracks.json 1 0 0 0 0 0
JMPerez/recently_played_tracks.json 2 0 0 0 0 0
JMPerez/search.json 1 0 0 0 0 0
JMPerez/search_album.json 0 0 0 1 0 0
JMPerez/search_episode.json 0 0 1 0 0 0
JMPerez/search_track.json 20 0 0 0 0 0
JMPerez/track.json 1 0 0 0 0 0
JMPerez/tracks.json 2 0 0 0 0 0
JMPerez/user_saved_albums.json 375 0 0 20 0 0
JMPerez/user_saved_tracks.json 20 0 0 0 0 0
JMPerez/user_top_tracks.json 5 0 0 0 0 0
spotify/GetAlbumRequest.json 1 0 0 1 0 0
spotify/GetAlbumsTracksRequest.json 2 0 0 0 0 0
spotify/GetArtistsAlbumsRequest.json 0 0 0 2 0 0
spotify/GetArtistsTopTracksRequest.json 1 0 0 0 0 0
spotify/GetCurrentUsersRecentlyPlayedTracksRequest.json 2 0 0 0 0 0
spotify/GetPlaylistRequest.json 1 0 0 0 0 0
spotify/GetPlaylistsItemsRequest.json 1 0 1 0 0 0
spotify/GetPlaylistsItemsRequest_Episode.json 0 0 1 0 0 0
spotify/GetSeveralAlbumsRequest.json 2 0 0 1 0 0
spotify/GetSeveralTracksRequest.json 2 0 0 0 0 0
spotify/GetTheUsersQueueRequest.json 20 0 1 0 0 0
spotify/GetTrackRequest.json 1 0 0 0 0 0
spotify/GetTrackRequestLocal.json 1 0 0 0 0 0
spotify/GetUsersSavedTracksRequest.json 1 0 0 0 0 0
spotify/GetUsersTopTracksRequest.json 10 0 0 0 0 0
spotify/SearchAlbumsRequest.json 0 0 0 10 0 0
spotify/SearchAlbumsSpecialRequest.json 0 0 0 10 0 0
spotify/SearchEpisodesRequest.json 0 0 10 0 0 0
spotify/SearchItemRequest.json 10 0 0 0 0 0
spotify/SearchTracksRequest.json 10 0 0 0 0 0
transcribed/playlist_page_null_track.json 0 0 1 0 0 0
zmb3/artist_top_tracks.json 10 0 0 0 0 0
zmb3/current_users_albums.json 33 0 0 2 0 0
zmb3/current_users_top_tracks.json 20 0 0 0 0 0
zmb3/current_users_tracks.json 3 0 0 0 0 0
zmb3/find_album_tracks.json 1 0 0 0 0 0
zmb3/find_albums.json 76 0 0 4 0 0
zmb3/find_track.json 1 0 0 0 0 0
zmb3/find_track_with_floats.json 1 0 0 0 0 0
zmb3/find_tracks_notfound.json 1 0 1 0 0 0
zmb3/find_tracks_simple.json 2 0 0 0 0 0
zmb3/get_episode.json 0 0 1 0 0 0
zmb3/get_playlist.json 4 0 0 0 0 0
zmb3/get_playlist_opt.json 0 40 0 0 0 0
zmb3/get_queue.json 21 0 0 0 0 0
zmb3/new_releases.json 0 0 0 20 0 0
zmb3/player_recently_played.json 20 0 0 0 0 0
zmb3/playlist_items_episodes.json 0 0 4 0 0 0
zmb3/playlist_items_episodes_and_tracks.json 2 0 2 0 0 0
zmb3/playlist_items_tracks.json 2 0 0 0 0 0
zmb3/playlist_tracks.json 40 0 0 0 0 0
zmb3/search_trackplaylist.json 2 0 0 0 0 0
zmb3/search_tracks.json 2 0 0 0 0 0
"""


def test_counts_of_every_recorded_response(reference_data: Path) -> None:
    files = sorted((reference_data / "recorded").rglob("*.json"))
    result = run(*files, "--json")
    assert result.exit_code == 0, result.stderr
    expected = {line.split()[0]: tuple(map(int, line.split()[1:])) for line in RECORDED.split("\n") if line}
    found = {
        f"{Path(entry['path']).parent.name.split('-')[0]}/{Path(entry['path']).name}": (
            *counted(entry, "track"),
            *counted(entry, "album"),
        )
        for entry in json.loads(result.stdout)["files"]
    }
    assert len(found) == len(files)
    assert {name: counts for name, counts in found.items() if any(counts)} == expected


REMOVED = {"popularity", "available_markets", "label", "followers", "linked_from", "album_group"}


def of_2026(value: Any) -> Any:
    """Convert a response to Development Mode's format since 2026: some fields removed, others renamed."""
    if isinstance(value, list):
        return [of_2026(member) for member in value]
    if not isinstance(value, dict):
        return value
    renamed = {}
    if "owner" in value and "tracks" in value:
        renamed = {"tracks": "items"}
    elif "added_by" in value and "track" in value:
        renamed = {"track": "item"}
    return {renamed.get(key, key): of_2026(inner) for key, inner in value.items() if key not in REMOVED}


def test_the_format_of_2026_gets_the_same_verdicts(reference_data: Path, tmp_path: Path) -> None:
    changed = 0
    for path in sorted((reference_data / "recorded").rglob("*.json")):
        body = json.loads(path.read_bytes())
        today = of_2026(body)
        changed += today != body
        file = tmp_path / path.name
        file.write_text(json.dumps(today))
        before, after = survey_file(path), survey_file(file)
        assert before.kinds == after.kinds, path
        assert before.entries == after.entries, path
        assert before.codes == after.codes, path
    assert changed > 50
