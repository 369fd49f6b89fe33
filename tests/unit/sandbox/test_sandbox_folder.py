"""Tests catalogues that are read from a folder."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from spotify_sandbox.catalogue.catalog import CatalogError
from spotify_sandbox.catalogue.folder import FolderSource

ARTIST, OTHER, ALBUM = "A" * 22, "B" * 22, "C" * 22


def track_id(number: int) -> str:
    return f"{number:022d}"


def artist(**changes: Any) -> dict[str, Any]:
    return {
        "id": ARTIST,
        "name": "Ünder Pylon",
        "genres": ["tram jazz"],
        "popularity": 40,
        "followers": 7,
    } | changes


def album(**changes: Any) -> dict[str, Any]:
    return {
        "id": ALBUM,
        "name": "Canal",
        "artist_ids": [ARTIST],
        "release_date": "2020-02-03",
        "release_date_precision": "day",
        "total_tracks": 12,
        "image_url": "https://i.scdn.co/image/x",
    } | changes


def track(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": track_id(number),
        "name": f"Song {number}",
        "album_id": ALBUM,
        "artist_ids": [ARTIST],
        "track_number": number,
        "disc_number": 1,
        "duration_ms": 1000 * number,
        "explicit": False,
        "popularity": 10 * number,
    } | changes


def write(folder: Path, day: str, artists: list[Any], albums: list[Any], tracks: list[Any]) -> None:
    (folder / day).mkdir(parents=True)
    for name, records in (("artists", artists), ("albums", albums), ("tracks", tracks)):
        lines = [record if isinstance(record, bytes) else orjson.dumps(record) for record in records]
        (folder / day / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")


@pytest.mark.parametrize(
    ("clock", "served"),
    [
        (date(2021, 1, 1), date(2021, 2, 26)),
        (date(2021, 2, 26), date(2021, 2, 26)),
        (date(2021, 3, 18), date(2021, 2, 26)),
        (date(2021, 3, 19), date(2021, 3, 19)),
        (date(2030, 1, 1), date(2021, 3, 19)),
    ],
)
def test_the_newest_date_up_to_the_clock_is_served(tmp_path: Path, clock: date, served: date) -> None:
    write(tmp_path, "2021-02-26", [artist(followers=1)], [album()], [track(1)])
    write(tmp_path, "2021-03-19", [artist(followers=2)], [album()], [track(1)])
    (tmp_path / "notes").mkdir()
    catalog = FolderSource(tmp_path).on(clock)
    assert catalog.served_date == served
    assert next(iter(catalog.artists())).followers == (1 if served.month == 2 else 2)


def test_tracks_are_ordered_by_disc_number_and_line(tmp_path: Path) -> None:
    tracks = [
        track(3, disc_number=2, track_number=1),
        track(2, track_number=2),
        track(1, track_number=1),
        track(4, track_number=1),
    ]
    write(tmp_path, "2021-02-26", [artist()], [album()], tracks)
    listed = FolderSource(tmp_path).on(date(2021, 3, 1)).album_tracks(ALBUM)
    assert [each.id for each in listed] == [track_id(number) for number in (1, 4, 2, 3)]


def test_optional_keys_may_be_absent(tmp_path: Path) -> None:
    write(
        tmp_path,
        "2021-02-26",
        [{"id": ARTIST, "name": "Bare"}],
        [{"id": ALBUM, "name": "Bare album", "artist_ids": [ARTIST]}],
        [
            {"id": track_id(1), "name": "Bare track", "album_id": ALBUM},
            track(2, artist_ids=[ARTIST, OTHER], popularity=57.0),
        ],
    )
    catalog = FolderSource(tmp_path).on(date(2021, 3, 1))
    bare = catalog.track(track_id(1))
    assert bare is not None
    assert (bare.artist_ids, bare.popularity, bare.isrc, bare.track_number) == ((ARTIST,), None, None, 1)
    served = catalog.album(ALBUM)
    assert served is not None
    assert (served.release_date, served.release_date_precision, served.total_tracks) == ("0000", "year", 2)
    assert served.popularity == 57  # the mean of the tracks whose popularity is known
    # an artist without a line of its own is served too
    assert [(group, listed.id) for group, listed in catalog.artist_albums(OTHER)] == [("appears_on", ALBUM)]
    assert catalog.counts().artists == 2


def test_additional_keys_are_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        "2021-02-26",
        [artist(image_url="https://i.scdn.co/image/y", mood="blue")],
        [album(album_type="COMPILATION", label="Quay", upc="012", markets=["SE"], popularity=3)],
        [track(1, isrc="SEZZZ2000001", markets=[], preview_url="https://p.scdn.co/x")],
    )
    catalog = FolderSource(tmp_path).on(date(2021, 3, 1))
    served, first = catalog.album(ALBUM), catalog.track(track_id(1))
    assert served is not None
    assert first is not None
    assert (served.album_type, served.label, served.upc, served.markets, served.popularity) == (
        "compilation",
        "Quay",
        "012",
        ("SE",),
        3,
    )
    assert (first.isrc, first.markets, first.preview_url) == ("SEZZZ2000001", (), "https://p.scdn.co/x")


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("artists", b'{"id": ', "not JSON"),
        ("artists", b"[]", "not a JSON object"),
        ("artists", artist(), f"id {ARTIST} occurs twice"),
        ("artists", artist(id=OTHER, name=None), "name is missing"),
        ("artists", artist(id=OTHER, popularity="high"), "popularity is not a whole number"),
        ("artists", artist(id=OTHER, followers=True), "followers is not a whole number"),
        ("albums", album(id="x"), "id 'x' is not 22 base62 characters"),
        ("albums", album(id=OTHER, artist_ids=[1]), "artist_ids is not a list of texts"),
        ("albums", album(id=OTHER, artist_ids=["x"]), "artist_ids holds 'x'"),
        ("albums", album(id=OTHER, release_date_precision="week"), "has no precision of year, month or day"),
        ("albums", album(id=OTHER, album_type="box"), "album_type 'box' is none of"),
        ("tracks", track(2, album_id=OTHER), f"album_id {OTHER} has no line in albums.jsonl"),
        ("tracks", track(2, explicit="no"), "explicit is not true or false"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, file: str, line: Any, message: str) -> None:
    records = {"artists": [artist()], "albums": [album()], "tracks": [track(1)]}
    records[file].append(line)
    write(tmp_path, "2021-02-26", **records)
    source = FolderSource(tmp_path)
    with pytest.raises(CatalogError) as caught:
        source.on(date(2021, 3, 1))
    assert f"{file}.jsonl line 2: " in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_file_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"no folder named YYYY-MM-DD"):
        FolderSource(tmp_path)
    with pytest.raises(CatalogError, match=r"nowhere: no such folder"):
        FolderSource(tmp_path / "nowhere")
    write(tmp_path, "2021-02-26", [artist()], [album()], [track(1)])
    (tmp_path / "2021-02-26" / "tracks.jsonl").unlink()
    with pytest.raises(CatalogError, match=r"tracks\.jsonl: no such file"):
        FolderSource(tmp_path).on(date(2021, 3, 1))


def test_an_isrc_in_any_spelling_is_one_recording(tmp_path: Path) -> None:
    tracks = [
        track(1, isrc="SEZZZ2000001"),
        track(2, isrc="se-zzz-20-00001"),
        track(3, isrc="SEZZZ2000002"),
        track(4),
    ]
    write(tmp_path, "2021-02-26", [artist()], [album()], tracks)
    source = FolderSource(tmp_path)
    catalog = source.on(source.first_day)
    ids = {number: [each.id for each in catalog.same_recording(track_id(number))] for number in range(1, 6)}
    both = [track_id(1), track_id(2)]
    assert ids == {1: both, 2: both, 3: [track_id(3)], 4: [track_id(4)], 5: []}
