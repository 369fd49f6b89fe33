"""Tests the keys of objects in the lake."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.lake import keys

DAY = date(2026, 11, 22)


def test_the_raw_key_has_partition_source_kind_and_hash() -> None:
    key = keys.raw_key(DAY, "new-music", "album", method="GET", path="/albums/x", query={})
    assert key.startswith("raw/ingest_date=2026-11-22/source=new-music/album-")
    assert key.endswith(".json")
    assert keys.source_of(key) == "new-music"


def test_the_hash_ignores_the_order_of_the_query() -> None:
    first = keys.request_hash("GET", "/search", {"q": "a", "limit": "10"})
    assert first == keys.request_hash("get", "/search", {"limit": "10", "q": "a"})
    others = {
        keys.request_hash("POST", "/search", {"q": "a", "limit": "10"}),
        keys.request_hash("GET", "/search/", {"q": "a", "limit": "10"}),
        keys.request_hash("GET", "/search", {"q": "a", "limit": "11"}),
        keys.request_hash("GET", "/search", {"q": "a&limit=10"}),
    }
    assert first not in others
    assert len(others) == 4


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", "a b", "x" * 64, "-a", "a\n"])
def test_a_source_name_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ConfigurationError, match="object key"):
        keys.manifest_key(DAY, name)


def test_data_of_an_account_is_under_its_user() -> None:
    prefix = keys.source_prefix(keys.RAW, DAY, "saved", "0123456789abcdef")
    assert prefix == f"raw/ingest_date={DAY}/user=0123456789abcdef/source=saved/"
    assert prefix.startswith(keys.users_prefix(keys.RAW, DAY))
    assert keys.source_of(prefix + "x.json") == "saved"
    assert not keys.source_prefix(keys.RAW, DAY, "saved").startswith(keys.users_prefix(keys.RAW, DAY))


@pytest.mark.parametrize("user", ["", "listener1", "../../x", "0123456789ABCDEF", "0" * 15])
def test_a_user_must_be_a_hash(user: str) -> None:
    with pytest.raises(ConfigurationError, match="user_hash"):
        keys.source_prefix(keys.RAW, DAY, "saved", user)


@pytest.mark.parametrize(
    "text",
    [None, "", "today", "2026-02-30", "2026-1-1", "2026-11-22T00:00:00", "\uff12\uff10\uff12\uff16-01-01"],
)
def test_a_partition_key_that_is_not_a_date_is_refused(text: str | None) -> None:
    with pytest.raises(ConfigurationError, match="partition key"):
        keys.parse_partition(text)


def test_a_partition_key_is_a_date() -> None:
    assert keys.parse_partition("2024-02-29") == date(2024, 2, 29)


def test_instants_have_a_time_zone() -> None:
    assert keys.parse_instant("2026-11-22T06:00:00+00:00") == datetime(2026, 11, 22, 6, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        keys.parse_instant("2026-11-22T06:00:00")


@pytest.mark.parametrize(
    ("folder", "partition"),
    [
        ("ingest_date=2026-11-22", date(2026, 11, 22)),
        ("ingest_date=2026-11-31", None),
        ("ingest_date=2026-11-22x", None),
        ("dbt", None),
        ("", None),
    ],
)
def test_the_partition_of_a_folder(folder: str, partition: date | None) -> None:
    assert keys.partition_of_folder(folder) == partition
