"""What Spotify gets wrong on one day is repaired on the next, without fetching again what is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from spotify_pipeline.lake.manifest import read_manifest
from tests.integration.stages.conftest import DAY, World

pytestmark = pytest.mark.integration
NEXT_DAY = DAY + timedelta(days=1)
NOT_FOUND = {"error": {"status": 404, "message": "Non existing id"}}


def fetched_albums(world: World, day: Any) -> set[str | None]:
    manifest = read_manifest(world.lake, day, "first")
    assert manifest is not None
    return {raw.requested_id for raw in manifest.objects if raw.kind == "album"}


@pytest.fixture
def listed(world: World) -> list[str]:
    """The albums of an artist with more than two pages of them, which is the only source."""
    with world.runtime.spotify() as client:
        for artist_id, _ in world.sandbox.control.catalog().artists:
            ids: list[str] = []
            for offset in range(0, 50, 10):
                query = {"include_groups": "album,single", "limit": "10", "offset": str(offset)}
                page = client.get(f"/artists/{artist_id}/albums", query).document
                ids += [album["id"] for album in page["items"]]
            if len(ids) > 20:
                world.list_sources({"name": "first", "kind": "artist", "ids": [artist_id]})
                world.sandbox.control.reset_calls()
                return ids
    raise AssertionError("no artist has three pages")


def test_a_listed_album_that_is_not_found_is_had_the_next_day(world: World, listed: list[str]) -> None:
    gone = listed[3]
    path = f"/v1/albums/{gone}"
    world.sandbox.control.add_fault("status", status=404, path=path, body=NOT_FOUND, times=None)
    world.fetch("first")
    world.validate("first")
    state = world.load("first")
    assert (state.status, state.message) == ("complete", None)
    assert gone not in fetched_albums(world, DAY)
    world.sandbox.control.clear_faults()
    world.go_to(NEXT_DAY)
    world.fetch("first", NEXT_DAY)
    again = fetched_albums(world, NEXT_DAY)
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
    world: World, listed: list[str], kind: str, settings: dict[str, Any]
) -> None:
    world.sandbox.control.add_fault(kind, times=None, **settings)
    outcome = world.fetch("first", tries_left=False)
    assert not outcome.complete
    world.validate("first")
    assert world.load("first").status == "partial"
    had = fetched_albums(world, DAY)
    assert 0 < len(had) < len(listed)
    world.sandbox.control.clear_faults()
    world.go_to(NEXT_DAY)
    assert world.fetch("first", NEXT_DAY).complete
    again = fetched_albums(world, NEXT_DAY)
    assert set(listed) - had <= again
    assert len(again & had) < len(had) / 2
