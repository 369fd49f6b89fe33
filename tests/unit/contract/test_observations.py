"""Tests the observations of records: their field groups, and stubs of nested records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from spotify_pipeline.contract.observations import FULL, SIMPLIFIED, Observation, observations
from spotify_pipeline.contract.validator import validate
from spotify_pipeline.warehouse.table_specs import SPECS
from tests.unit.contract.records import track

ALBUM_ID, ARTIST_ID = "a" * 22, "r" * 22
ALBUM: dict[str, Any] = {
    "id": ALBUM_ID,
    "name": "An album",
    "album_type": "ALBUM",
    "artists": [{"id": ARTIST_ID, "name": "Somebody"}],
    "release_date": "2001",
    "release_date_precision": "year",
    "total_tracks": 3,
    "images": [{"url": "https://i.example/large"}, {"url": "https://i.example/small"}],
}


AT, RAW_KEY = datetime(2026, 11, 22, 6, tzinfo=UTC), "raw/x.json"


def rows(kind: Any, record: dict[str, Any], album_id: str | None = None) -> Iterator[Observation]:
    return observations(kind, record, AT, RAW_KEY, album_id)


def by_kind(found: list[Observation], kind: str) -> list[Observation]:
    return [row for row in found if row.kind == kind]


def test_a_simplified_track_has_only_a_listing_and_its_album() -> None:
    own = next(rows("track", track(), ALBUM_ID))
    assert own.rank == SIMPLIFIED
    assert set(own.groups) == {"listing"}
    assert own.groups["listing"]["album_id"] == ALBUM_ID


def test_a_track_of_development_mode_has_no_popularity() -> None:
    own = next(rows("track", track(album=ALBUM, external_ids={"isrc": "USX"}), None))
    assert own.rank == FULL
    assert own.groups["detail"] == {"isrc": "USX"}
    assert "popularity" not in own.groups
    assert own.groups["listing"]["album_id"] == ALBUM_ID


def test_a_null_is_a_value_where_an_absent_field_is_none() -> None:
    own = next(rows("track", track(popularity=None, external_ids=None)))
    assert own.groups["popularity"] == {"popularity": None}
    assert own.groups["detail"] == {"isrc": None}


def test_playability_is_present_only_for_a_call_with_a_market() -> None:
    assert "playability" not in next(rows("track", track())).groups
    assert next(rows("track", track(is_playable=None))).groups["playability"] == {"is_playable": None}


def test_every_row_fits_its_table() -> None:
    for kind, record in {"track": track(album=ALBUM, is_playable=True), "album": ALBUM}.items():
        for row in rows(kind, record | {"popularity": 1, "label": "x", "external_ids": {}}):
            groups = {group.name: set(group.columns) for group in SPECS[row.kind].groups}
            assert {name: set(columns) for name, columns in row.groups.items()} == {
                name: groups[name] for name in row.groups
            }


def test_whole_numbers_become_integers() -> None:
    listing = next(rows("track", track(duration_ms=204053.0))).groups["listing"]
    assert repr(listing["duration_ms"]) == "204053"


def test_album_and_artists_of_a_track_become_stubs() -> None:
    found = list(rows("track", track(album=ALBUM)))
    album = by_kind(found, "album")[0]
    assert album.stub
    assert album.groups["listing"]["album_type"] == "album"
    assert album.groups["listing"]["image_url"] == "https://i.example/large"
    assert {row.key for row in by_kind(found, "artist")} == {ARTIST_ID, track()["artists"][0]["id"]}
    assert all(row.stub for row in found[1:])


def test_an_album_with_only_a_name_makes_no_stub() -> None:
    assert by_kind(list(rows("track", track(album={"id": ALBUM_ID, "name": "x"}))), "album") == []
    broken = ALBUM | {"total_tracks": "three"}
    assert by_kind(list(rows("track", track(album=broken))), "album") == []


def test_a_full_album_without_label_has_a_detail() -> None:
    own = next(rows("album", ALBUM | {"external_ids": {"upc": "1"}, "tracks": {"items": []}}))
    assert own.rank == FULL
    assert own.groups["detail"] == {"upc": "1"}
    assert "label" not in own.groups
    listed = next(rows("album", ALBUM))
    assert (listed.rank, set(listed.groups)) == (SIMPLIFIED, {"listing"})


def test_an_artist_in_both_classes_of_app() -> None:
    development = next(rows("artist", {"id": ARTIST_ID, "name": "S", "genres": ["x"], "images": []}))
    assert development.groups == {
        "listing": {"name": "S"},
        "detail": {"genres": ["x"], "image_url": None},
    }
    extended = next(
        rows("artist", {"id": ARTIST_ID, "name": "S", "popularity": 3, "followers": {"total": 9}})
    )
    assert extended.groups["popularity"] == {"popularity": 3, "followers": 9}


def test_every_observation_has_time_and_key_of_its_response() -> None:
    for row in rows("track", track(album=ALBUM)):
        assert (row.observed_at, row.raw_key) == (AT, RAW_KEY)


def test_a_playlist_names_its_owner_only_by_hash() -> None:
    playlist = {"id": "p" * 22, "name": "", "type": "playlist", "public": None}
    hashed = playlist | {"owner": {"id": "0123456789abcdef", "type": "user"}}
    named = playlist | {"owner": {"id": "listener1"}}
    assert validate("playlist", hashed).valid
    (row,) = rows("playlist", hashed)
    assert row.groups["listing"]["owner_hash"] == "0123456789abcdef"
    # an object from before ids were replaced
    assert "listener1" not in str(next(rows("playlist", named)))
    assert next(rows("playlist", {"id": "p", "name": "x"})).groups["listing"]["owner_hash"] is None


def test_the_order_is_time_then_rank_then_raw_key() -> None:
    later = AT.replace(hour=7)
    orders = [
        Observation("track", "t", 0, AT, "raw/z", {}).order,
        Observation("track", "t", 1, AT, "raw/a", {}).order,
        Observation("track", "t", 1, AT, "raw/b", {}).order,
        Observation("track", "t", 0, later, "raw/a", {}).order,
    ]
    assert orders == sorted(orders)
    assert len(set(orders)) == 4
