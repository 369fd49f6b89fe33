"""Tests `spotify-pipeline validate` with all kinds of response files, and files that cannot be read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.validating import counted, report_of, run

ID = "4uLU6hMCjMI75M1A2tKUQC"
ARTIST = {"type": "artist", "id": ID, "name": "Somebody"}
TRACK: dict[str, Any] = {
    "type": "track",
    "id": ID,
    "name": "A track",
    "uri": f"spotify:track:{ID}",
    "artists": [ARTIST],
    "album": {"type": "album", "id": ID, "name": "Mentioned", "artists": [ARTIST]},
    "duration_ms": 1,
    "explicit": False,
    "track_number": 1,
    "disc_number": 1,
}
ALBUM: dict[str, Any] = {
    "type": "album",
    "id": ID,
    "name": "An album",
    "album_type": "album",
    "artists": [ARTIST],
    "tracks": {"items": [TRACK, {**TRACK, "duration_ms": -1}], "next": None},
}
PLAYLIST: dict[str, Any] = {
    "type": "playlist",
    "id": ID,
    "name": "A list",
    "owner": {"id": "x", "type": "user"},
}
LOCAL = {**TRACK, "id": None, "is_local": True, "uri": "spotify:local:a:b:c:1"}
EPISODE = {"type": "episode", "id": ID, "name": "An episode"}
AT = "2026-11-22T06:00:00Z"

# name -> (body, tracks, albums): valid, quarantined, set aside
BAD = {**TRACK, "explicit": "no"}
BODIES: dict[str, tuple[Any, tuple[int, int, int], tuple[int, int, int]]] = {
    "a track": (TRACK, (1, 0, 0), (0, 0, 0)),
    "an album with its tracks": (ALBUM, (1, 1, 0), (1, 0, 0)),
    "an artist": (ARTIST, (0, 0, 0), (0, 0, 0)),
    "a page of tracks": ({"items": [TRACK, BAD, None, LOCAL, EPISODE]}, (1, 1, 3), (0, 0, 0)),
    "a page of albums": ({"items": [{**ALBUM, "tracks": None}, None]}, (0, 0, 0), (1, 0, 1)),
    "several tracks by id": ({"tracks": [TRACK, None]}, (1, 0, 1), (0, 0, 0)),
    "several albums by id": ({"albums": [ALBUM, None]}, (1, 1, 0), (1, 0, 1)),
    "a search": (
        {
            "tracks": {"items": [TRACK]},
            "albums": {"items": [{**ALBUM, "id": 5}]},
            "artists": {"items": [ARTIST]},
        },
        (2, 1, 0),
        (0, 1, 0),
    ),
    "new releases": ({"albums": {"items": [{**ALBUM, "tracks": None}]}}, (0, 0, 0), (1, 0, 0)),
    "playlist items": (
        {"items": [{"added_at": AT, "item": TRACK, "track": TRACK}, {"added_at": AT, "track": BAD}]},
        (1, 1, 0),
        (0, 0, 0),
    ),
    "a playlist of before 2026": (
        {
            **PLAYLIST,
            "tracks": {"items": [{"added_at": AT, "track": TRACK}, {"added_at": AT, "track": None}]},
        },
        (1, 0, 1),
        (0, 0, 0),
    ),
    "a playlist of 2026": (
        {
            **PLAYLIST,
            "items": {"items": [{"added_at": AT, "item": LOCAL, "is_local": True}, {"item": EPISODE}]},
        },
        (0, 0, 2),
        (0, 0, 0),
    ),
    "a playlist with both pages": (
        {**PLAYLIST, "tracks": {"items": [{"track": TRACK}]}, "items": {"items": [{"item": TRACK}]}},
        (1, 0, 0),
        (0, 0, 0),
    ),
    "a list of playlists": (
        {"playlists": {"items": [{**PLAYLIST, "tracks": {"href": "x", "total": 3}}, None]}},
        (0, 0, 0),
        (0, 0, 0),
    ),
    "saved tracks": ({"items": [{"added_at": AT, "track": TRACK}]}, (1, 0, 0), (0, 0, 0)),
    "saved albums": ({"items": [{"added_at": AT, "album": ALBUM}]}, (1, 1, 0), (1, 0, 0)),
    "saved episodes": ({"items": [{"added_at": AT, "episode": EPISODE}]}, (0, 0, 1), (0, 0, 0)),
    "saved shows": ({"items": [{"added_at": AT, "show": {"type": "show"}}]}, (0, 0, 0), (0, 0, 0)),
    "plays": (
        {"items": [{"played_at": AT, "track": TRACK, "context": {"type": "album", "uri": "x"}}]},
        (1, 0, 0),
        (0, 0, 0),
    ),
    "an entry without anything": ({"items": [{"added_at": AT, "is_local": False}]}, (0, 0, 1), (0, 0, 0)),
    "the queue": ({"currently_playing": TRACK, "queue": [TRACK, EPISODE]}, (2, 0, 1), (0, 0, 0)),
    "what is playing": (
        {"item": TRACK, "context": {"type": "album", "uri": "x"}, "currently_playing_type": "track"},
        (1, 0, 0),
        (0, 0, 0),
    ),
    "nothing is playing": ({"item": None, "device": {"id": "x"}}, (0, 0, 1), (0, 0, 0)),
    "recommendations": ({"seeds": [{"type": "ARTIST", "id": ID}], "tracks": [TRACK]}, (1, 0, 0), (0, 0, 0)),
    "a bare list": ([TRACK, None, BAD], (1, 1, 1), (0, 0, 0)),
    "a bare list of entries": ([{"added_at": AT, "track": TRACK}, None], (1, 0, 1), (0, 0, 0)),
    "pages in a list": ([{"items": [TRACK]}, {"items": [TRACK, None]}], (2, 0, 1), (0, 0, 0)),
    "responses under other names": (
        {"data": {"first": {"items": [TRACK]}, "second": ALBUM}},
        (2, 1, 0),
        (1, 0, 0),
    ),
    "a track without a type": (
        {"items": [{k: v for k, v in TRACK.items() if k != "type"}]},
        (1, 0, 0),
        (0, 0, 0),
    ),
    "an error": ({"error": {"status": 404, "message": "x"}}, (0, 0, 0), (0, 0, 0)),
    "a token": ({"access_token": "x", "token_type": "bearer"}, (0, 0, 0), (0, 0, 0)),
    "audio features": (
        {"audio_features": [{"type": "audio_features", "id": ID, "uri": TRACK["uri"]}]},
        (0, 0, 0),
        (0, 0, 0),
    ),
    "an audio analysis": (
        {"meta": {}, "track": {"num_samples": 5}, "bars": [{"start": 0}]},
        (0, 0, 0),
        (0, 0, 0),
    ),
    "a number": (5, (0, 0, 0), (0, 0, 0)),
    "a null": (None, (0, 0, 0), (0, 0, 0)),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_records_of_every_body_are_validated(name: str, tmp_path: Path) -> None:
    body, tracks, albums = BODIES[name]
    found = report_of(tmp_path, body)
    assert (counted(found, "track"), counted(found, "album")) == (tracks, albums)


def test_entries_and_playlists_are_counted_separately(tmp_path: Path) -> None:
    page = {
        "items": [
            {"added_at": "yesterday", "added_by": None, "track": TRACK},
            {"added_at": AT, "track": None},
        ]
    }
    found = report_of(tmp_path, {**PLAYLIST, "tracks": page, "name": None})
    assert counted(found, "playlist") == (0, 1, 0)
    assert found["entries"]["playlist_item"] == {"records": 2, "valid": 1, "quarantined": 1, "set_aside": 0}
    assert found["codes"] == {"playlist.name.type": 1, "playlist_item.added_at.pattern": 1}


def test_each_finding_has_a_code_a_sentence_and_pointers(tmp_path: Path) -> None:
    body = {"albums": [{**ALBUM, "name": None}, ALBUM]}
    found = report_of(tmp_path, body)
    assert [(f["code"], f["record"], f["pointer"]) for f in found["findings"]] == [
        ("album.name.type", "/albums/0", "/albums/0/name"),
        ("track.duration_ms.minimum", "/albums/0/tracks/items/1", "/albums/0/tracks/items/1/duration_ms"),
        ("track.duration_ms.minimum", "/albums/1/tracks/items/1", "/albums/1/tracks/items/1/duration_ms"),
    ]
    assert all(finding["message"] for finding in found["findings"])
    for finding in found["findings"]:
        value: Any = body
        for part in finding["pointer"].split("/")[1:]:
            value = value[int(part)] if isinstance(value, list) else value[part]
        assert value in (None, -1)


def test_the_findings_are_printed_as_text(tmp_path: Path) -> None:
    file = tmp_path / "response.json"
    file.write_text(json.dumps({"items": [TRACK, BAD, None]}))
    result = run(file)
    assert result.exit_code == 0
    assert re.search(r"track +records 3 +valid 1 +quarantined 1 +set_aside 1", result.stdout)
    assert 'track.explicit.type  /items/1/explicit  explicit is true or false; found "no"' in result.stdout
    assert "set aside: 1 null" in result.stdout


def test_a_file_of_json_lines_is_validated_by_line(tmp_path: Path) -> None:
    lines = "\n".join([json.dumps(TRACK), "", json.dumps(BAD)])
    found = report_of(tmp_path, lines.encode(), "responses.jsonl")
    assert counted(found, "track") == (1, 1, 0)
    assert (found["findings"][0]["line"], found["findings"][0]["pointer"]) == (3, "/explicit")


def test_an_unreadable_file_does_not_stop_the_others(tmp_path: Path) -> None:
    good, empty, html = tmp_path / "good.json", tmp_path / "empty.json", tmp_path / "page.json"
    good.write_text(json.dumps(TRACK))
    empty.write_bytes(b"")
    html.write_bytes(b"<html>")
    latin = tmp_path / "latin.json"
    latin.write_bytes('{"name": "Björk"}'.encode("latin-1"))
    files = (tmp_path / "absent.json", empty, html, latin, tmp_path, good)
    result = run(*files)
    assert result.exit_code == 1
    assert re.search(r"track +records 1 +valid 1", result.stdout)
    sentences = result.stderr.splitlines()
    assert len(sentences) == 5
    for file, sentence in zip(files, sentences, strict=False):
        assert str(file) in sentence
    as_json = run(*files, "--json")
    assert as_json.exit_code == 1
    document = json.loads(as_json.stdout)
    assert [Path(entry["path"]).name for entry in document["files"]] == ["good.json"]
    assert [entry["path"] for entry in document["unreadable"]] == [str(file) for file in files[:-1]]


POISON = {
    "nul": ', "name": "a\\u0000b"',
    "lone surrogate": ', "name": "\\ud800"',
    "lone surrogate elsewhere": ', "extra": {"\\ud800": 1}',
    "two ids": f', "id": "{ID[::-1]}"',
    "not a number": ', "extra": NaN',
    "beyond double": ', "popularity": 1e999',
    "many digits": f', "popularity": {"9" * 5000}',
    "deep": f', "extra": {"[" * 10_000}{"]" * 10_000}',
    "long": f', "name": "{"x" * 30_000_000}"',
    "path": ', "id": "../../x"',
    "sql": ', "id": "\'; DROP TABLE"',
    "terminal": ', "name": "\\u001b[2J\\u0000"',
}


@pytest.mark.parametrize("poison", POISON)
def test_only_the_poisoned_record_is_quarantined(poison: str, tmp_path: Path) -> None:
    own = json.dumps(TRACK)
    for name in re.findall(r'^, "(name|id)":', POISON[poison]):
        if not poison.startswith("two"):
            own = json.dumps({key: value for key, value in TRACK.items() if key != name})
    file = tmp_path / "response.json"
    file.write_text(f'{{"items": [{own[:-1]}{POISON[poison]}}}, {json.dumps(TRACK)}]}}')
    found = report_of(tmp_path, file.read_bytes())
    assert counted(found, "track") == (1, 1, 0)
    assert found["findings"][0]["pointer"].startswith("/items/0")
    shown = run(file)
    assert shown.exit_code == 0
    assert "\x1b" not in shown.stdout
    assert len(shown.stdout) < 5_000


def test_a_response_can_come_from_standard_input() -> None:
    read = run("-", "--json", given=json.dumps(TRACK))
    [found] = json.loads(read.stdout)["files"]
    assert (found["path"], found["kinds"]["track"]["valid"]) == ("-", 1)
    broken = run("-", given="{")
    assert broken.exit_code == 1
    assert "standard input does not contain JSON" in broken.stderr


def test_strict_fails_when_a_record_is_quarantined(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(TRACK))
    bad.write_text(json.dumps(BAD))
    assert run(good, "--strict").exit_code == 0
    assert run(bad).exit_code == 0
    assert run(bad, good, "--strict").exit_code == 1
