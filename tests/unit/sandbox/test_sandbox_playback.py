"""Tests playback from folders of recorded responses, and errors in such folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spotify_sandbox.playback import Playback, PlaybackError


def folder(tmp_path: Path, index: Any) -> Path:
    (tmp_path / "one.json").write_text("{}")
    (tmp_path / "index.json").write_text(index if isinstance(index, str) else json.dumps(index))
    return tmp_path


def found(playback: Playback, path: str, **query: str) -> str | None:
    return next((each.file.name for each in playback.recordings if each.matches("GET", path, query)), None)


def test_the_most_specific_entry_is_used(tmp_path: Path) -> None:
    for name in ("any", "this", "page", "wide"):
        (tmp_path / name).write_text("{}")
    index = [
        {"path": "/v1/artists/{id}/albums", "file": "any"},
        {"path": "/v1/artists/{id}/albums", "query": {"offset": 20}, "file": "page"},
        {"path": "/v1/artists/aaa/albums", "file": "this"},
        {"path": "/v1/artists/{id}/albums", "query": {"offset": 20, "limit": 20}, "file": "wide"},
    ]
    playback = Playback(folder(tmp_path, index))
    assert found(playback, "/v1/artists/bbb/albums") == "any"
    assert found(playback, "/v1/artists/aaa/albums", limit="20") == "this"
    assert found(playback, "/v1/artists/aaa/albums", offset="20") == "page"
    assert found(playback, "/v1/artists/aaa/albums", offset="20", limit="20") == "wide"
    assert found(playback, "/v1/artists/aaa/albums/x") is None
    assert not playback.recordings[0].matches(
        "POST", "/v1/artists/aaa/albums", {"offset": "20", "limit": "20"}
    )


def test_a_tree_of_files_needs_no_index(tmp_path: Path) -> None:
    (tmp_path / "v1" / "me").mkdir(parents=True)
    (tmp_path / "artists" / "aaa").mkdir(parents=True)
    for name in ("v1/me/tracks.json", "artists/aaa.json", "artists/aaa/albums@limit=2&offset=4.json"):
        (tmp_path / name).write_text("{}")
    playback = Playback(tmp_path)
    assert found(playback, "/v1/me/tracks", limit="50") == "tracks.json"
    assert found(playback, "/v1/artists/aaa") == "aaa.json"
    assert found(playback, "/v1/artists/aaa/albums", limit="2", offset="4") == "albums@limit=2&offset=4.json"
    assert found(playback, "/v1/artists/aaa/albums", limit="2") is None


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", "index.json: not JSON"),
        ({}, "index.json: not a list of entries"),
        ([3], "entry 1: not an object"),
        ([{"path": "/v1/me", "file": "one.json"}, {"url": ""}], "entry 2: unknown key url"),
        ([{"path": "/me", "file": "one.json"}], "path must be a text that begins with /v1/"),
        ([{"path": "/v1/me"}], "file must be a path relative to the folder"),
        ([{"path": "/v1/me", "file": "two.json"}], "file two.json does not exist"),
        ([{"path": "/v1/me", "file": "../outside.json"}], "file ../outside.json lies outside the folder"),
        ([{"path": "/v1/me", "file": "one.json", "status": 99}], "status 99 is not an HTTP status"),
        ([{"path": "/v1/me", "file": "one.json", "query": []}], "query must be an object"),
        ([{"path": "/v1/me", "file": "one.json", "headers": "x"}], "headers must be an object"),
        ([], "no index.json, and no file named like"),
    ],
)
def test_a_mistake_in_an_index_is_named(tmp_path: Path, index: Any, message: str) -> None:
    with pytest.raises(PlaybackError, match=message):
        Playback(folder(tmp_path, index))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlaybackError, match="nowhere: no such folder"):
        Playback(tmp_path / "nowhere")
