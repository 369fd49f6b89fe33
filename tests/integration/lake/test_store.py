"""Tests of the store's calls and errors over two real S3 servers."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import BucketMissing, ConfigurationError, DamagedObject, LakeUnavailable
from spotify_pipeline.lake import Lake, Manifest, MissingRecord, RawObject
from spotify_pipeline.lake.manifest import read_manifest, read_raw, sha256
from spotify_stack.object_store import S3Server

pytestmark = pytest.mark.integration
_numbers = itertools.count(1)
DAY = date(2026, 11, 22)


@pytest.fixture
def info(each_s3_server: S3Server) -> ConnectionInfo:
    return ConnectionInfo(
        "spotify_lake",
        host="127.0.0.1",
        port=each_s3_server.port,
        login=each_s3_server.access_key,
        password=each_s3_server.secret_key,
        schema=f"store-{next(_numbers)}",
    )


@pytest.fixture
def lake(info: ConnectionInfo) -> Lake:
    made = Lake(info)
    assert made.create_bucket()
    return made


def test_a_stored_object_is_read_with_its_metadata(lake: Lake) -> None:
    lake.put("raw/a.json", b"\x00\xff{}", metadata={"observed-at": "now", "requested-id": ""})
    stored = lake.get("raw/a.json")
    assert stored.data == b"\x00\xff{}"
    assert stored.metadata["observed-at"] == "now"


def test_a_stream_is_stored_from_its_start(lake: Lake) -> None:
    stream = io.BytesIO(b"one\ntwo\nthree")
    stream.read(5)
    lake.put("x.ndjson", stream)
    assert list(lake.lines("x.ndjson")) == [b"one", b"two", b"three"]


def test_lines_longer_than_a_chunk_are_read_whole(lake: Lake) -> None:
    lines = [bytes([97 + n % 26]) * 70_000 for n in range(40)]
    lake.put("big.ndjson", b"".join(line + b"\n" for line in lines))
    assert list(lake.lines("big.ndjson")) == lines


def test_a_missing_object_is_none_or_an_error_that_names_it(lake: Lake) -> None:
    assert lake.find("no/such") is None
    with pytest.raises(DamagedObject, match="'no/such'"):
        lake.get("no/such")
    lake.delete("no/such")


def test_keys_are_sorted_and_start_with_the_prefix(lake: Lake) -> None:
    for key in ("a/2", "a/1", "b/1", "a/c/3"):
        lake.put(key, b"x")
    assert lake.keys("a/") == ["a/1", "a/2", "a/c/3"]
    assert lake.keys("z/") == []


def test_the_error_for_a_missing_bucket_names_it_and_the_fix(info: ConnectionInfo) -> None:
    absent = Lake(replace(info, schema="absent-bucket"))
    with pytest.raises(BucketMissing, match="'absent-bucket' does not exist .*lake init"):
        absent.check()


def test_creating_a_bucket_twice_keeps_its_objects(lake: Lake) -> None:
    lake.put("k", b"x")
    assert not lake.create_bucket()
    lake.check()
    assert lake.keys("") == ["k"]


def test_wrong_keys_are_a_configuration_error_without_the_key(info: ConnectionInfo) -> None:
    wrong = Lake(replace(info, password="not-the-key"))
    with pytest.raises(ConfigurationError, match="refuses the keys of connection 'spotify_lake'") as refused:
        wrong.put("k", b"x")
    assert "not-the-key" not in str(refused.value)


def test_an_unreachable_store_is_named_in_the_error(info: ConnectionInfo) -> None:
    unreachable = Lake(replace(info, port=1))
    with pytest.raises(LakeUnavailable, match="127.0.0.1:1"):
        unreachable.get("k")


def manifest_of(lake: Lake) -> Manifest:
    body = b'{"id": "x"}'
    key = "raw/ingest_date=2026-11-22/source=s/artist-1.json"
    lake.put(key, body)
    raw = RawObject(
        key=key,
        kind="artist",
        method="GET",
        path="/artists/x",
        query={"b": "2", "a": "1"},
        requested_id="x",
        status=200,
        observed_at=datetime(2026, 11, 22, 6, 0, 1, tzinfo=UTC),
        sha256=sha256(body),
        bytes=len(body),
    )
    missing = (MissingRecord("artist", "y", "gone"),)
    return Manifest(DAY, "s", "artist", "d" * 64, True, (raw,), missing, calls=2)


def test_a_manifest_is_read_as_written_and_its_bytes_are_stable(lake: Lake) -> None:
    manifest = manifest_of(lake)
    assert read_manifest(lake, DAY, "s") is None
    lake.put(manifest.key, manifest.to_bytes())
    read = read_manifest(lake, DAY, "s")
    assert read == manifest
    assert read.to_bytes() == manifest.to_bytes()
    assert read_raw(lake, manifest.objects[0]) == b'{"id": "x"}'


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"version": 1}', b"\xff", b'{"version": 99}'])
def test_an_unreadable_manifest_is_named_in_the_error(lake: Lake, text: bytes) -> None:
    key = manifest_of(lake).key
    lake.put(key, text)
    with pytest.raises(DamagedObject, match=key):
        read_manifest(lake, DAY, "s")


def test_an_altered_response_is_an_error(lake: Lake) -> None:
    raw = manifest_of(lake).objects[0]
    lake.put(raw.key, b'{"id": "z"}')
    with pytest.raises(DamagedObject, match="differs from its manifest"):
        read_raw(lake, raw)
