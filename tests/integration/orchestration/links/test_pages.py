"""Tests of the page of raw responses, over a real store."""

from __future__ import annotations

import re
import uuid
from datetime import date
from urllib.parse import unquote

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.lake import Lake, keys
from spotify_pipeline.orchestration.links import pages
from spotify_pipeline.orchestration.links.pages import is_shown, raw_page
from spotify_stack.object_store import S3Server

pytestmark = pytest.mark.integration
DAY = date(2026, 11, 5)
USER = "0123456789abcdef"


@pytest.fixture
def lake(s3_server: S3Server) -> Lake:
    made = Lake(
        ConnectionInfo(
            "spotify_lake",
            host="127.0.0.1",
            port=s3_server.port,
            login=s3_server.access_key,
            password=s3_server.secret_key,
            schema=f"links-{uuid.uuid4().hex[:8]}",
        )
    )
    made.create_bucket()
    return made


def test_the_page_lists_a_partition_without_objects_of_users(lake: Lake) -> None:
    prefix = keys.source_prefix(keys.RAW, DAY, "mine")
    shown = [
        keys.manifest_key(DAY, "mine"),
        f"{prefix}album-{'1' * 32}.json",
        f"{prefix}artist-{'2' * 32}.json",
    ]
    hidden = [
        keys.manifest_key(DAY, "mine", USER),
        keys.manifest_key(date(2026, 11, 6), "mine"),
        keys.report_key(DAY),
    ]
    for key in (*shown[::-1], *hidden):
        lake.put(key, b"{}")

    page = raw_page(lake, DAY, "object")

    assert [unquote(key) for key in re.findall(r"href='object\?key=([^']+)'", page)] == shown
    assert USER not in page
    assert all(is_shown(key, DAY) for key in shown)


def test_the_page_says_when_nothing_was_fetched(lake: Lake) -> None:
    assert "Nothing was fetched" in raw_page(lake, DAY, "object")


def test_a_large_partition_is_listed_by_source(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "OBJECTS_MAX", 3)
    written = []
    for source in ("one", "two"):
        prefix = keys.source_prefix(keys.RAW, DAY, source)
        written += [f"{prefix}album-{number:032}.json" for number in range(5)]
    for key in (*written, keys.manifest_key(DAY, "mine", USER)):
        lake.put(key, b"{}")

    page = raw_page(lake, DAY, "object")
    assert re.findall(r"href='([^']+)'", page) == ["raw?source=one", "raw?source=two"]

    shown: list[str] = []
    after = None
    for _ in range(2):
        page = raw_page(lake, DAY, "object", "two", after)
        shown += [unquote(key) for key in re.findall(r"object\?key=([^']+)'", page)]
        following = re.search(r"raw\?source=two&amp;after=([^']+)'", page)
        after = unquote(following[1]) if following else None
    assert (shown, after) == (written[5:], None)
    assert USER not in page
