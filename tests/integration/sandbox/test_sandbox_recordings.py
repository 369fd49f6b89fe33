"""Tests that recorded responses are served in place of the catalogue's, over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from spotify_sandbox.testing import running
from tests.integration.sandbox.api_client import artist_ids, client_of, get

pytestmark = pytest.mark.integration


def write_recordings(folder: Path) -> Path:
    page: dict[str, Any] = {"href": "https://api.spotify.com/v1/me/tracks?limit=1", "items": [], "next": None}
    (folder / "saved.json").write_text(json.dumps(page))
    (folder / "busy.txt").write_text("Too many requests")
    index = [
        {"path": "/v1/me/tracks", "file": "saved.json"},
        {
            "path": "/v1/artists/{id}/albums",
            "query": {"limit": 7},
            "status": 429,
            "headers": {"Content-Type": "text/plain", "Retry-After": "19056", "Content-Length": "1"},
            "file": "busy.txt",
        },
    ]
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_recorded_responses_take_precedence_over_the_catalogue(tmp_path: Path) -> None:
    arguments = ["--playback", str(write_recordings(tmp_path))]
    with running(size=50, arguments=arguments) as sandbox, client_of(sandbox, sandbox.user_token()) as api:
        assert get(api, "/me/tracks")["href"] == f"{sandbox.api_url}/me/tracks?limit=1"
        artist = artist_ids(sandbox)[0]
        recorded = api.get(f"/artists/{artist}/albums?limit=7")
        assert (recorded.status_code, recorded.text) == (429, "Too many requests")
        assert (recorded.headers["retry-after"], recorded.headers["content-length"]) == ("19056", "17")
        assert recorded.headers["content-type"].startswith("text/plain")
        assert get(api, f"/artists/{artist}/albums")["limit"] == 5
        assert httpx.get(f"{sandbox.api_url}/me/tracks").status_code == 401


def test_only_recorded_responses_are_served_with_original_links(tmp_path: Path) -> None:
    arguments = [
        "--playback",
        str(write_recordings(tmp_path)),
        "--playback-links",
        "keep",
        "--playback-miss",
        "404",
    ]
    with running(size=50, arguments=arguments) as sandbox, client_of(sandbox) as api:
        assert get(api, "/me/tracks")["href"] == "https://api.spotify.com/v1/me/tracks?limit=1"
        missed = api.get(f"/artists/{artist_ids(sandbox)[0]}")
        assert missed.status_code == 404
        assert missed.json()["error"]["message"] == "No recorded response for this request"


def test_recorded_responses_of_spotify_can_be_served(reference_data: Path, tmp_path: Path) -> None:
    fixtures = reference_data / "recorded" / "JMPerez-spotify-web-api-js"
    index = [
        {"path": f"/v1/{path}", "file": file}
        for path, file in {
            "me/tracks": "user_saved_tracks.json",
            "me/top/tracks": "user_top_tracks.json",
            "me/player/recently-played": "recently_played_tracks.json",
            "playlists/{id}": "playlist.json",
        }.items()
    ]
    for entry in index:
        (tmp_path / entry["file"]).write_bytes((fixtures / entry["file"]).read_bytes())
    (tmp_path / "index.json").write_text(json.dumps(index))
    with (
        running(size=50, arguments=["--playback", str(tmp_path)]) as sandbox,
        client_of(sandbox, sandbox.user_token()) as api,
    ):
        for entry in index:
            got = api.get(entry["path"].removeprefix("/v1").replace("{id}", "0" * 22))
            real = json.loads((fixtures / entry["file"]).read_bytes())
            assert got.json().keys() == real.keys()
            assert "https://api.spotify.com/v1" not in got.text
