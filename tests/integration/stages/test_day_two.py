"""What Spotify gets wrong on one day is repaired on the next, without fetching again what is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from spotify_pipeline.lake.manifest import read_manifest
from tests.integration.pipeline import DAY, Pipeline

pytestmark = pytest.mark.integration
NEXT_DAY = DAY + timedelta(days=1)
NOT_FOUND = {"error": {"status": 404, "message": "Non existing id"}}


def fetched_albums(pipeline: Pipeline, day: Any) -> set[str | None]:
    manifest = read_manifest(pipeline.lake, day, "first")
    assert manifest is not None
    return {raw.requested_id for raw in manifest.objects if raw.kind == "album"}


@pytest.fixture
def listed(pipeline: Pipeline) -> list[str]:
    """The albums of an artist with more than two pages of them, which is the only source."""
    with pipeline.runtime.spotify() as client:
        for artist_id, _ in pipeline.sandbox.control.catalog().artists:
            ids: list[str] = []
            for offset in range(0, 50, 10):
                query = {"include_groups": "album,single", "limit": "10", "offset": str(offset)}
                page = client.get(f"/artists/{artist_id}/albums", query).document
                ids += [album["id"] for album in page["items"]]
            if len(ids) > 20:
                pipeline.list_sources({"name": "first", "kind": "artist", "ids": [artist_id]})
                pipeline.sandbox.control.reset_calls()
                return ids
    raise AssertionError("no artist has three pages")


def test_a_listed_album_that_is_not_found_is_had_the_next_day(pipeline: Pipeline, listed: list[str]) -> None:
    gone = listed[3]
    path = f"/v1/albums/{gone}"
    pipeline.sandbox.control.add_fault("status", status=404, path=path, body=NOT_FOUND, times=None)
    pipeline.fetch("first")
    pipeline.validate("first")
    state = pipeline.load("first")
    assert (state.status, state.message) == ("complete", None)
    assert gone not in fetched_albums(pipeline, DAY)
    pipeline.sandbox.control.clear_faults()
    pipeline.go_to(NEXT_DAY)
    pipeline.fetch("first", NEXT_DAY)
    again = fetched_albums(pipeline, NEXT_DAY)
    assert gone in again
    # of the others only what changed from one day to the next
    assert len(again) < len(listed) / 2


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("status", {"status": 404, "body": NOT_FOUND, "path": "^/v1/artists/.*offset=20"}),
        ("empty_page", {"path": "^/v1/artists/.*offset=10"}),
        ("no_next", {"path": "^/v1/artists/.*albums.include"}),
    ],
)
def test_a_listing_cut_short_is_partial_and_repaired(
    pipeline: Pipeline, listed: list[str], kind: str, settings: dict[str, Any]
) -> None:
    pipeline.sandbox.control.add_fault(kind, times=None, **settings)
    outcome = pipeline.fetch("first", tries_left=False)
    assert not outcome.complete
    pipeline.validate("first")
    assert pipeline.load("first").status == "partial"
    had = fetched_albums(pipeline, DAY)
    assert 0 < len(had) < len(listed)
    pipeline.sandbox.control.clear_faults()
    pipeline.go_to(NEXT_DAY)
    assert pipeline.fetch("first", NEXT_DAY).complete
    again = fetched_albums(pipeline, NEXT_DAY)
    assert set(listed) - had <= again
    assert len(again & had) < len(had) / 2
