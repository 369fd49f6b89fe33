"""Tests of objects that are lost, altered, or written by an attempt that was replaced by a retry."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from spotify_pipeline.errors import DamagedObject
from spotify_pipeline.lake import keys
from spotify_pipeline.lake.manifest import read_manifest
from spotify_pipeline.sources import load_sources
from spotify_pipeline.sources.model import Source
from spotify_pipeline.spotify.client import ApiResponse, SpotifyClient
from spotify_pipeline.stages.fetch import fetch_into_raw
from spotify_pipeline.stages.raw_zone import RawZone
from tests.integration.pipeline import DAY, Pipeline
from tests.integration.snapshots import Snapshots

pytestmark = pytest.mark.integration


@pytest.fixture
def source(pipeline: Pipeline) -> Source:
    return next(source for source in load_sources(pipeline.sources_file) if source.name == "first")


def _validate_and_load(pipeline: Pipeline) -> dict[str, object]:
    pipeline.validate("first")
    pipeline.load("first")
    return pipeline.checksums()


def test_a_lost_raw_object_is_fetched_again_on_its_date(pipeline: Pipeline) -> None:
    pipeline.fetch("first")
    expected = _validate_and_load(pipeline)
    lost = [key for key in pipeline.lake.keys("raw/") if "/album-" in key][:2]
    for key in lost:
        pipeline.lake.delete(key)
    with pytest.raises(DamagedObject, match=r"album-\w+\.json' .*missing: clear the fetch"):
        pipeline.validate("first")
    pipeline.sandbox.control.reset_calls()
    assert pipeline.fetch("first").complete
    assert pipeline.sandbox.control.calls().api_total == len(lost)
    assert _validate_and_load(pipeline) == expected


def test_an_object_lost_after_its_date_is_an_error(pipeline: Pipeline) -> None:
    pipeline.fetch("first")
    before = read_manifest(pipeline.lake, DAY, "first")
    pipeline.lake.delete(next(key for key in pipeline.lake.keys("raw/") if "/album-" in key))
    pipeline.go_to(DAY + timedelta(days=1))
    with pytest.raises(DamagedObject, match=f"has no data of {DAY} any more: restore"):
        pipeline.fetch("first")
    assert read_manifest(pipeline.lake, DAY, "first") == before


@pytest.mark.parametrize("name", ["tracks.ndjson", "_complete_albums.ndjson"])
@pytest.mark.parametrize("altered", [None, b'{"key":', b"\n"], ids=["lost", "cut", "longer"])
def test_a_load_refuses_changed_validated_objects(
    pipeline: Pipeline, snapshots: Snapshots, name: str, altered: bytes | None
) -> None:
    def validated() -> None:
        pipeline.fetch("first")
        pipeline.validate("first")

    snapshots.once("a validated source", pipeline, validated)
    key = next(key for key in pipeline.lake.keys("validated/") if key.endswith(f"/{name}"))
    if altered is None:
        pipeline.lake.delete(key)
    else:
        pipeline.lake.put(key, pipeline.lake.get(key).data + altered)
    with pytest.raises(DamagedObject, match=f"{name}' has changed since its validation.*clear the validate"):
        pipeline.load("first")
    assert pipeline.query("SELECT count(*) FROM staging.tracks") == [(0,)]
    pipeline.validate("first")
    assert pipeline.load("first").status == "complete"


def test_the_error_for_a_lost_summary_names_the_fix(pipeline: Pipeline) -> None:
    pipeline.fetch("first")
    pipeline.validate("first")
    pipeline.lake.delete(keys.summary_key(DAY, "first"))
    with pytest.raises(DamagedObject, match="_summary.json' is absent: clear the validate task"):
        pipeline.load("first")


def test_an_altered_row_that_is_valid_json_is_not_loaded(pipeline: Pipeline) -> None:
    pipeline.fetch("first")
    pipeline.validate("first")
    key = next(key for key in pipeline.lake.keys("validated/") if key.endswith("/tracks.ndjson"))
    pipeline.lake.put(key, pipeline.lake.get(key).data.replace(b'"duration_ms":1', b'"duration_ms":2'))
    with pytest.raises(DamagedObject, match="clear the validate task"):
        pipeline.load("first")
    assert pipeline.query("SELECT count(*) FROM staging.tracks") == [(0,)]


def test_the_first_response_of_a_key_is_kept_and_used(pipeline: Pipeline, source: Source) -> None:
    """An attempt that its retry has replaced stores another response for a key that exists."""
    pipeline.fetch("first")
    manifest = read_manifest(pipeline.lake, DAY, "first")
    assert manifest is not None
    before = {raw.key: pipeline.lake.get(raw.key) for raw in manifest.objects}
    zone = RawZone(pipeline.lake, DAY, "first")
    raw = next(raw for raw in manifest.objects if raw.kind == "album")
    request = next(
        request for request in _requests(pipeline, source) if request.requested_id == raw.requested_id
    )
    later = ApiResponse(200, b'{"name": "other"}', raw.observed_at, raw.path, (), "", {"name": "other"})
    first = zone.keep(request, later)
    assert first is not None
    assert first.body == before[raw.key].data
    assert zone.describe(request) == raw
    assert {key: pipeline.lake.get(key) for key in before} == before


def _requests(pipeline: Pipeline, source: Source) -> list:  # type: ignore[type-arg]
    seen: list = []  # type: ignore[type-arg]

    class Watching(RawZone):
        def have(self, request):  # type: ignore[no-untyped-def]
            seen.append(request)
            return super().have(request)

    from spotify_pipeline.spotify.crawl import crawl

    zone = Watching(pipeline.lake, DAY, "first")
    with pipeline.runtime.spotify() as client:
        crawl(client, source, partition=DAY, have=zone.have, keep=zone.keep)
    return [request for request in seen if request.kind.value == "album"]


class _Overtaken:
    """A client whose first call waits until another attempt has fetched and validated the source."""

    def __init__(self, client: SpotifyClient, pipeline: Pipeline) -> None:
        self._client, self._pipeline, self._held = client, pipeline, True

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    def get(self, *arguments: object) -> ApiResponse:
        if self._held:
            self._held = False
            self._pipeline.fetch("first")
            self._pipeline.validate("first")
        return self._client.get(*arguments)  # type: ignore[arg-type]


def test_a_replaced_attempt_does_not_change_the_manifest(pipeline: Pipeline, source: Source) -> None:
    with pipeline.runtime.spotify() as client:
        orphan = fetch_into_raw(pipeline.lake, _Overtaken(client, pipeline), DAY, source, concurrency=1)  # type: ignore[arg-type]
    assert orphan.complete
    manifest = read_manifest(pipeline.lake, DAY, "first")
    assert manifest is not None
    assert manifest.calls == len(manifest.objects)
    assert pipeline.load("first").status == "complete", "the validated manifest is unchanged"


def test_a_manifest_s_hash_does_not_depend_on_the_calls(pipeline: Pipeline) -> None:
    pipeline.fetch("first")
    manifest = read_manifest(pipeline.lake, DAY, "first")
    assert manifest is not None
    assert replace(manifest, calls=99).content_sha256 == manifest.content_sha256
    assert replace(manifest, objects=manifest.objects[1:]).content_sha256 != manifest.content_sha256
    pipeline.validate("first")
    pipeline.lake.put(keys.manifest_key(DAY, "first"), replace(manifest, calls=99).to_bytes())
    assert pipeline.load("first").status == "complete"
