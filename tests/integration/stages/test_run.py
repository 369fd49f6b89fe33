"""Tests of a partition from sources.yml to staging over real servers, without and with faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from spotify_pipeline.errors import (
    AuthenticationError,
    BucketMissing,
    DamagedObject,
    PastPartition,
    QuarantineShareExceeded,
    SourcesFileError,
    WarehouseUnavailable,
)
from spotify_pipeline.lake import keys
from spotify_pipeline.lake.manifest import read_manifest, sha256
from spotify_pipeline.stages.load import load_source
from spotify_pipeline.stages.plan import plan
from spotify_pipeline.warehouse.connection import connect
from tests.integration.pipeline import DAY, Pipeline

pytestmark = pytest.mark.integration
NEXT_DAY = DAY + timedelta(days=1)


def test_promise_4_all_fetched_records_are_accounted_for(pipeline: Pipeline) -> None:
    verdict = pipeline.run()
    assert verdict.complete == ["first", "second"]
    assert not verdict.partial
    assert not verdict.failed
    sums = pipeline.query(
        "SELECT sum(fetched), sum(loaded + quarantined + duplicates + set_aside) FROM ops.reconciliation"
    )
    assert sums[0][0] == sums[0][1]
    assert sums[0][0] > 100  # type: ignore[operator]
    # two sources list the third artist: one row in the table, one record in each source
    shared = pipeline.query(
        "SELECT count(*) FROM staging.source_records WHERE record_kind = 'artist' GROUP BY record_id "
        "ORDER BY 1 DESC LIMIT 1"
    )
    assert shared == [(2,)]


def test_every_track_is_loaded_with_its_artists_and_album(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    for orphan in (
        "SELECT count(*) FROM staging.tracks LEFT JOIN staging.albums USING (album_id) WHERE albums IS NULL",
        "SELECT count(*) FROM staging.tracks, unnest(artist_ids) AS artist_id LEFT JOIN staging.artists "
        "USING (artist_id) WHERE artists IS NULL",
    ):
        assert pipeline.query(orphan) == [(0,)]


def test_promise_1_run_twice_same_result(pipeline: Pipeline) -> None:
    pipeline.run()
    before = pipeline.checksums(), pipeline.objects("raw"), pipeline.objects("validated")
    versions = pipeline.query("SELECT track_id, xmin::text FROM staging.tracks ORDER BY 1")
    reconciled = pipeline.query(
        "SELECT *, xmin::text FROM ops.reconciliation ORDER BY partition, source, record_kind"
    )
    inputs = pipeline.dbt_inputs()
    pipeline.sandbox.control.reset_calls()
    pipeline.run()
    assert (pipeline.checksums(), pipeline.objects("raw"), pipeline.objects("validated")) == before
    assert pipeline.dbt_inputs() == inputs, "nothing is built again"
    assert pipeline.query("SELECT track_id, xmin::text FROM staging.tracks ORDER BY 1") == versions
    assert (
        pipeline.query("SELECT *, xmin::text FROM ops.reconciliation ORDER BY partition, source, record_kind")
        == reconciled
    )
    assert pipeline.sandbox.control.calls().total == 0


def test_promise_2_any_order_same_result(pipeline: Pipeline) -> None:
    days = [DAY, NEXT_DAY, DAY + timedelta(days=2)]
    for day in days:
        pipeline.go_to(day)
        pipeline.run(day)
    expected = pipeline.checksums()
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        conn.execute(
            "TRUNCATE staging.tracks, staging.albums, staging.artists, staging.source_records, "
            "staging.track_observations, staging.album_observations, staging.artist_observations"
        )
    for day in [days[2], days[0], days[1], days[0]]:
        for name in ("second", "first"):
            pipeline.validate(name, day)
            pipeline.load(name, day)
    assert pipeline.checksums() == expected


def test_promise_5_a_past_partition_is_not_fetched(pipeline: Pipeline) -> None:
    yesterday = DAY - timedelta(days=1)
    with pytest.raises(PastPartition, match=f"{yesterday} is not Spotify's date \\({DAY}\\)"):
        plan(pipeline.runtime, yesterday)
    assert pipeline.sandbox.control.calls().api_total == 0


def test_a_past_partition_uses_stored_responses(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.go_to(NEXT_DAY)
    pipeline.list_sources({"name": "other", "kind": "search", "queries": ["love"]})
    planned = plan(pipeline.runtime, DAY)
    assert not planned.fetch
    assert sorted(name for group in planned.groups for name in group.sources) == ["first", "second"]
    assert pipeline.run(DAY).complete == ["first", "second"]


def test_a_crawl_that_crosses_midnight_is_partial(pipeline: Pipeline) -> None:
    planned = plan(pipeline.runtime, DAY)
    assert planned.fetch
    pipeline.go_to(NEXT_DAY, "00:00:01")
    outcome = pipeline.fetch("first")
    assert not outcome.complete
    assert outcome.objects == 0
    manifest = read_manifest(pipeline.lake, DAY, "first")
    assert manifest is not None
    assert manifest.stopped_by is not None
    assert str(NEXT_DAY) in manifest.stopped_by


def test_an_interrupted_fetch_repeats_no_call(pipeline: Pipeline) -> None:
    control = pipeline.sandbox.control
    whole = pipeline.fetch("first").calls
    for key in pipeline.lake.keys(keys.source_prefix(keys.RAW, DAY, "first"))[::2]:
        pipeline.lake.delete(key)
    pipeline.lake.delete(keys.manifest_key(DAY, "first"))
    left = len(pipeline.lake.keys(keys.source_prefix(keys.RAW, DAY, "first")))
    control.reset_calls()
    outcome = pipeline.fetch("first")
    assert outcome.complete
    assert control.calls().api_total == whole - left
    assert outcome.objects == whole


def test_a_closed_bucket_makes_a_partial_source_that_is_loaded(pipeline: Pipeline) -> None:
    pipeline.sandbox.control.exhaust_quota("/v1/albums/", after=4)
    verdict = pipeline.run()
    assert set(verdict.partial) == {"first", "second"}
    assert "QUOTA_EXCEEDED" in verdict.partial["first"]
    assert pipeline.query("SELECT count(*) > 0 FROM staging.tracks") == [(True,)]
    assert pipeline.query("SELECT bool_or(complete) FROM ops.reconciliation") == [(False,)]


def test_promise_6_no_task_calls_a_bucket_before_its_deadline(pipeline: Pipeline) -> None:
    control = pipeline.sandbox.control
    control.exhaust_quota("/v1/albums/", times=1, retry_after=3_600)
    assert not pipeline.fetch("first").complete
    assert pipeline.query("SELECT bucket, reason FROM ops.api_cooldown") == [
        ("GET /albums/{id}", "QUOTA_EXCEEDED")
    ]
    # another task with another client: without a fault, only the table of cool-downs prevents the call
    control.reset_calls()
    assert not pipeline.fetch("second").complete
    assert "/v1/albums/{id}" not in control.calls().by_bucket
    # after the deadline the same sources continue with what is stored
    pipeline.go_to(DAY, "07:30:00")
    assert pipeline.run().complete == ["first", "second"]


def test_an_unknown_artist_fails_its_source_and_loads_the_rest(pipeline: Pipeline) -> None:
    artists = [artist_id for artist_id, _ in pipeline.sandbox.control.catalog().artists]
    pipeline.list_sources(
        {"name": "typo", "kind": "artist", "ids": [artists[20], "0" * 22]},
        {"name": "good", "kind": "artist", "ids": [artists[21]]},
    )
    verdict = pipeline.run()
    assert verdict.complete == ["good"]
    assert "artist 0000000000000000000000" in verdict.failed["typo"]
    assert "sources.yml" in verdict.failed["typo"]
    assert pipeline.query(f"SELECT count(*) FROM staging.artists WHERE artist_id = '{artists[20]}'") == [(1,)]
    # after a correction of the id, the source is complete
    pipeline.list_sources(
        {"name": "typo", "kind": "artist", "ids": [artists[20], artists[22]]},
        {"name": "good", "kind": "artist", "ids": [artists[21]]},
    )
    assert pipeline.run().complete == ["good", "typo"]


def test_the_error_for_a_wrong_secret_in_plan_names_spotify_api(pipeline: Pipeline) -> None:
    wrong = pipeline.runtime.lookup("spotify_api")
    lookup = {
        "spotify_api": type(wrong)("spotify_api", login=wrong.login, password="wrong", extra=wrong.extra)
    }
    runtime = type(pipeline.runtime)(
        settings=pipeline.runtime.settings,
        lookup=lambda conn_id: lookup.get(conn_id) or pipeline.runtime.lookup(conn_id),
    )
    with pytest.raises(AuthenticationError, match="spotify_api") as refused:
        plan(runtime, DAY)
    assert "wrong" not in str(refused.value).replace("is wrong", "").replace("are wrong", "")


def test_the_error_for_a_missing_bucket_names_it_and_the_fix(pipeline: Pipeline) -> None:
    fields = vars(pipeline.runtime.lookup("spotify_lake")) | {"schema": "no-such-bucket"}
    lake_info = type(pipeline.runtime.lookup("spotify_lake"))(**fields)
    runtime = type(pipeline.runtime)(
        settings=pipeline.runtime.settings,
        lookup=lambda conn_id: lake_info if conn_id == "spotify_lake" else pipeline.runtime.lookup(conn_id),
    )
    with pytest.raises(BucketMissing, match="'no-such-bucket' does not exist.*lake init"):
        plan(runtime, DAY)


def test_a_load_can_be_repeated_after_a_warehouse_outage(pipeline: Pipeline) -> None:
    for name in ("first", "second"):
        pipeline.fetch(name)
        pipeline.validate(name)
    info = pipeline.runtime.ingest
    down = type(info)(**(vars(info) | {"port": 1}))
    runtime = type(pipeline.runtime)(
        settings=pipeline.runtime.settings,
        lookup=lambda conn_id: down if conn_id == "warehouse_ingest" else pipeline.runtime.lookup(conn_id),
    )
    with pytest.raises(WarehouseUnavailable, match="warehouse_ingest.*127.0.0.1:1"):
        load_source(runtime, DAY, "first")
    assert pipeline.run().complete == ["first", "second"]


def test_the_error_for_a_malformed_sources_file_names_the_line(pipeline: Pipeline) -> None:
    pipeline.sources_file.write_text("version: 1\nsources:\n  - name: x\n    kind: artiste\n")
    with pytest.raises(SourcesFileError, match=r"sources\.yml:4"):
        plan(pipeline.runtime, DAY)


def test_a_source_with_mostly_bad_records_loads_nothing(pipeline: Pipeline) -> None:
    pipeline.fetch("first")
    _spoil(pipeline, "first", b'"duration_ms":', b'"duration_ms":-')
    pipeline.validate("first")
    with pytest.raises(QuarantineShareExceeded, match=r"track\.duration_ms\.minimum"):
        pipeline.load("first")
    assert pipeline.query("SELECT count(*) FROM staging.tracks") == [(0,)]
    assert pipeline.query("SELECT count(*) > 10 FROM ops.quarantined_record") == [(True,)]


def test_promise_8_a_bad_record_never_stops_the_good_ones(pipeline: Pipeline) -> None:
    pipeline.fetch("first")
    _spoil(pipeline, "first", b'"explicit":false', b'"explicit":"no"', limit=1)
    summary = pipeline.validate("first")
    assert summary.counts["track"].quarantined == 1
    state = pipeline.load("first")
    assert state.status == "complete"
    assert state.counts["track"].adds_up
    refused = pipeline.query("SELECT record_kind, reason_code, pointer, raw_key FROM ops.quarantined_record")
    assert len(refused) == 1
    assert refused[0][:2] == ("track", "track.explicit.type")
    assert str(refused[0][2]).startswith("/tracks/items/")
    assert str(refused[0][3]).startswith(f"raw/ingest_date={DAY}/source=first/album-")


def test_an_altered_raw_object_is_an_error(pipeline: Pipeline) -> None:
    pipeline.fetch("first")
    key = next(k for k in pipeline.lake.keys("raw/") if "/album-" in k)
    pipeline.lake.put(key, pipeline.lake.get(key).data + b" ", metadata=pipeline.lake.get(key).metadata)
    with pytest.raises(DamagedObject, match="differs from its manifest"):
        pipeline.validate("first")


def test_a_later_simplified_record_keeps_detail_fields(pipeline: Pipeline) -> None:
    """Absent is not null: an album listing of the next day does not delete the UPC."""
    pipeline.run()
    before = pipeline.query("SELECT album_id, upc FROM staging.albums WHERE upc IS NOT NULL ORDER BY 1")
    assert before
    pipeline.go_to(NEXT_DAY)
    pipeline.sandbox.control.exhaust_quota("/v1/albums/")
    pipeline.run(NEXT_DAY)
    kept = f"SELECT count(*) FROM staging.albums WHERE upc IS NOT NULL AND last_seen_on = '{NEXT_DAY}'"
    assert pipeline.query(kept) == [(len(before),)]


def _spoil(pipeline: Pipeline, source: str, old: bytes, new: bytes, *, limit: int | None = None) -> None:
    """Alter stored albums as if Spotify had sent them so, manifest included."""
    manifest = read_manifest(pipeline.lake, DAY, source)
    assert manifest is not None
    objects, left = [], limit
    for raw in manifest.objects:
        stored = pipeline.lake.get(raw.key)
        data = stored.data
        if raw.kind == "album" and left != 0:
            data = data.replace(old, new, -1 if left is None else left)
            if data != stored.data and left is not None:
                left -= 1
        pipeline.lake.put(raw.key, data, metadata=stored.metadata)
        objects.append(replace(raw, sha256=sha256(data), bytes=len(data)))
    altered = replace(manifest, objects=tuple(objects))
    assert altered != manifest
    pipeline.lake.put(altered.key, altered.to_bytes())


def test_a_source_that_lists_nothing_is_complete(pipeline: Pipeline) -> None:
    """Such as a search without results, or an empty library."""
    search = {"queries": ["zyzzyva quux"], "types": ["track"], "max_results": 50}
    pipeline.list_sources({"name": "nothing", "kind": "search"} | search)
    assert pipeline.run().complete == ["nothing"]
    assert pipeline.query("SELECT fetched, complete FROM ops.reconciliation") == [(0, True)]
