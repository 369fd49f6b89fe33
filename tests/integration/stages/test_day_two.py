"""Tests that the next day repairs wrong responses of a day, without fetching correct ones again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from spotify_pipeline.lake.manifest import read_manifest
from tests.integration.pipeline import DAY, Pipeline, logged_in, own_sources

pytestmark = pytest.mark.integration
NEXT_DAY = DAY + timedelta(days=1)
NOT_FOUND = {"error": {"status": 404, "message": "Non existing id"}}


def fetched_albums(pipeline: Pipeline, day: Any) -> set[str | None]:
    manifest = read_manifest(pipeline.lake, day, "first")
    assert manifest is not None
    return {raw.requested_id for raw in manifest.objects if raw.kind == "album"}


@pytest.fixture
def listed(pipeline: Pipeline) -> list[str]:
    """The albums of an artist with more than two pages of albums; the artist is the only source."""
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


def test_a_listed_album_that_is_not_found_is_read_the_next_day(pipeline: Pipeline, listed: list[str]) -> None:
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
    # of the other albums only those that changed from one day to the next
    assert len(again) < len(listed) / 2


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("status", {"status": 404, "body": NOT_FOUND, "path": "^/v1/artists/.*offset=20"}),
        ("empty_page", {"path": "^/v1/artists/.*offset=10"}),
        ("no_next", {"path": "^/v1/artists/.*albums.include"}),
    ],
)
def test_an_incomplete_listing_is_partial_and_repaired(
    pipeline: Pipeline, listed: list[str], kind: str, settings: dict[str, Any]
) -> None:
    pipeline.sandbox.control.add_fault(kind, times=None, **settings)
    outcome = pipeline.fetch("first", tries_left=False)
    assert not outcome.complete
    pipeline.validate("first")
    assert pipeline.load("first").status == "partial"
    first_day = fetched_albums(pipeline, DAY)
    assert 0 < len(first_day) < len(listed)
    pipeline.sandbox.control.clear_faults()
    pipeline.go_to(NEXT_DAY)
    assert pipeline.fetch("first", NEXT_DAY).complete
    again = fetched_albums(pipeline, NEXT_DAY)
    assert set(listed) - first_day <= again
    assert len(again & first_day) < len(first_day) / 2


def status(
    code: int, path: str, message: str = "Non existing id", times: int | None = None
) -> dict[str, Any]:
    body = {"error": {"status": code, "message": message}}
    return {"kind": "status", "status": code, "path": path, "body": body, "times": times}


EMPTY = {"kind": "empty_page", "times": None}
SEARCH = {"kind": "search", "queries": ["a", "e"], "types": ["track"], "max_results": 20}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "library": ({"kind": "saved_tracks"}, EMPTY | {"path": "me/tracks.*offset=50"}),
    "playlists": ({"kind": "playlist"}, EMPTY | {"path": "/items.*offset=50"}),
    "top list": ({"kind": "top_tracks", "time_ranges": ["long_term"]}, EMPTY | {"path": "me/top"}),
    "followed": ({"kind": "followed_artists"}, EMPTY | {"path": "me/following"}),
    "page of a search": (SEARCH, status(404, "/search.*offset=10&q=a")),
    "search text": (SEARCH, status(400, "/search.*q=e&", "Query exceeds maximum length")),
    "401": ({"kind": "album"}, status(401, "/v1/albums/ALBUM", "Access token missing")),
    "403": ({"kind": "album"}, status(403, "/v1/albums/ALBUM", "Premium required")),
    "500": ({"kind": "album"}, status(500, "/v1/albums/ALBUM")),
}


IN_EACH_RUN = ("playlists",)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in IN_EACH_RUN else pytest.mark.slow) for case in CASES]
)
def test_the_next_run_repairs_a_partial_source(pipeline: Pipeline, case: str) -> None:
    definition, fault = CASES[case]
    with pipeline.runtime.spotify() as client:
        found = client.get("/search", {"q": "a", "type": "album", "limit": "3"}).document
    albums = [album["id"] for album in found["albums"]["items"]]
    own = next(source["ids"] for source in own_sources(pipeline) if source["kind"] == "playlist")
    ids = {"album": albums, "playlist": own}.get(definition["kind"])
    pipeline.list_sources({"name": "first", **definition, **({"ids": ids} if ids else {})})
    user, control = logged_in(pipeline), pipeline.sandbox.control

    def read(day: Any) -> tuple[bool, str, list[tuple[str, str]], set[tuple[str, str]]]:
        control.reset_calls()
        complete = user.fetch("first", day, tries_left=False).complete
        user.validate("first", day)
        calls = [call for call in control.calls().recent if call["path"].startswith("/v1/")]
        requested = [(call["path"], call["query"]) for call in calls]
        correct = {
            (call["path"], call["query"]) for call in calls if call["status"] == 200 and not call["fault"]
        }
        return complete, user.load("first", day).status, requested, correct

    control.add_fault(**(fault | {"path": fault["path"].replace("ALBUM", albums[1])}))
    complete, state, _, correct = read(DAY)
    assert (complete, state) == (False, "partial")
    control.clear_faults()
    complete, state, requested, _ = read(DAY)
    assert (complete, state) == (True, "complete")
    assert requested
    # a playlist's head is requested again after its pages, to find edits
    assert not {request for request in requested if "fields=" not in request[1]} & correct
    assert read(DAY)[2] == []
    user.go_to(NEXT_DAY)
    assert read(NEXT_DAY)[:2] == (True, "complete")
