"""Tests that a replay makes no call, changes nothing with equal code, and overwrites corrected values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.observations import Observation, observations
from spotify_pipeline.errors import DamagedObject, NothingRetained, PartitionBusy
from spotify_pipeline.lake import keys
from spotify_pipeline.stages import replay as replaying
from spotify_pipeline.stages import validate as validating
from spotify_pipeline.stages.details import DETAILS
from spotify_pipeline.stages.replay import (
    Replay,
    plan_replay,
    reconcile_replay,
    replay_partition,
    replay_source,
    retained_sources,
)
from spotify_pipeline.warehouse import lease
from spotify_pipeline.warehouse.connection import connect
from tests.integration.pipeline import (
    DAY,
    NEXT_DAY,
    VERSIONS,
    Pipeline,
    listen,
    logged_in,
    own_sources,
    spoil,
    without_spotify,
)

pytestmark = pytest.mark.integration


def replay_all(pipeline: Pipeline, first: date = DAY, last: date = NEXT_DAY) -> list[str]:
    """Replay all stored sources of a range, newest date first, and return their names."""
    runtime = without_spotify(pipeline.runtime)
    done = []
    for planned in reversed(plan_replay(runtime, first, last)):
        states = replay_partition(runtime, planned)
        reconcile_replay(runtime, planned.partition, states).raise_failures(str(planned.partition))
        done += [f"{planned.partition} {state.source}" for state in states]
    return sorted(done)


def two_days(pipeline: Pipeline) -> None:
    """Run two days: sources, details, and a reading of the listening history."""
    pipeline.run()
    pipeline.run_details()
    listen(pipeline)
    pipeline.go_to(NEXT_DAY)
    pipeline.run(NEXT_DAY)


@pytest.fixture
def account(pipeline: Pipeline) -> Iterator[Pipeline]:
    """A pipeline with an artist and a user's sources."""
    artist = pipeline.sandbox.control.catalog().artists[0][0]
    pipeline.list_sources({"name": "first", "kind": "artist", "ids": [artist]}, *own_sources(pipeline))
    yield logged_in(pipeline)
    pipeline.sandbox.control.reset_users()


def test_promise_1_a_replay_changes_nothing_and_makes_no_call(
    account: Pipeline,
) -> None:
    two_days(account)
    before = account.checksums(), account.query(VERSIONS), account.dbt_inputs()
    objects = {zone: account.objects(zone) for zone in ("raw", "validated", "quarantine")}
    account.sandbox.control.reset_calls()

    done = replay_all(account)

    assert {name.split()[1] for name in done} >= {"first", "lists", "saved", "top", "plays", DETAILS}
    assert f"{DAY} _listening-06" in done
    assert (account.checksums(), account.query(VERSIONS), account.dbt_inputs()) == before
    assert {zone: account.objects(zone) for zone in objects} == objects
    assert account.sandbox.control.calls().total == 0


@pytest.mark.slow
def test_a_replay_rebuilds_staging_from_raw_in_any_order(account: Pipeline) -> None:
    two_days(account)
    expected = account.checksums()
    validated = account.objects("validated")
    with connect(account.runtime.lookup("warehouse_owner")) as conn:
        tables = conn.execute(
            "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"
            " WHERE schemaname = 'staging'"
        ).fetchone()
        assert tables is not None
        conn.execute(f"TRUNCATE {tables[0]}".encode())
    for key in validated:
        account.lake.delete(key)
    replay_all(account)
    assert account.checksums() == expected
    assert account.objects("validated") == validated


def test_a_corrected_transformation_overwrites_the_old_values(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run()
    right = pipeline.checksums()
    objects = pipeline.objects("validated")

    def wrong(*arguments: Any) -> Iterator[Observation]:
        for row in observations(*arguments):
            listing = row.groups["listing"]
            yield row._replace(groups={**row.groups, "listing": {**listing, "name": f"{listing['name']}?"}})

    with monkeypatch.context() as patched:
        patched.setattr(validating, "observations", wrong)
        replay_all(pipeline)
    for table in ("tracks", "albums", "artists", "track_observations", "artist_observations"):
        assert pipeline.query(f"SELECT bool_and(name LIKE '%?') FROM staging.{table}") == [(True,)], table
    sequence = pipeline.query("SELECT max(load_seq) FROM staging.track_observations")

    replay_all(pipeline)

    assert pipeline.checksums() == right
    assert pipeline.objects("validated") == objects
    # incremental models use load_seq
    assert pipeline.query("SELECT max(load_seq) FROM staging.track_observations") > sequence


def test_a_record_that_passes_now_is_loaded_and_resolved(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.fetch("first")
    spoil(pipeline, "first", b'"explicit":false', b'"explicit":"no"')
    spoil(pipeline, "first", b'"disc_number":1', b'"disc_number":-1', album=1)
    pipeline.validate("first")
    refused = pipeline.load("first").counts["track"]
    assert refused.quarantined == 2
    tracks = pipeline.query("SELECT count(*) FROM staging.tracks")
    open_records = "SELECT reason_code FROM ops.quarantined_record WHERE resolved_at IS NULL ORDER BY 1"
    assert [row[0] for row in pipeline.query(open_records)] == [
        "track.disc_number.minimum", "track.explicit.type",
    ]  # fmt: skip

    validate = validating.validate

    def relaxed(kind: str, record: object) -> object:
        if isinstance(record, dict) and record.get("explicit") == "no":
            record["explicit"] = False
        return validate(kind, record)

    monkeypatch.setattr(validating, "validate", relaxed)
    state = replay_source(without_spotify(pipeline.runtime), DAY, "first")

    assert state.counts["track"].quarantined == 1
    assert state.counts["track"].loaded == refused.loaded + 1
    assert pipeline.query("SELECT count(*) FROM staging.tracks") == [(tracks[0][0] + 1,)]  # type: ignore[operator]
    assert pipeline.query(open_records) == [("track.disc_number.minimum",)]
    assert len(pipeline.objects("quarantine")) == 1

    # with the older contract the record is quarantined again
    monkeypatch.undo()
    replay_source(without_spotify(pipeline.runtime), DAY, "first")
    assert len(pipeline.query(open_records)) == 2


def test_a_replay_stops_when_an_ingest_takes_the_lease(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run()
    fence = pipeline.query("SELECT fence FROM ops.step_lease WHERE step = 'load' AND source = 'first'")
    replay_source(without_spotify(pipeline.runtime), DAY, "first")
    query = "SELECT fence FROM ops.step_lease WHERE step = 'load' AND source = 'first'"
    assert pipeline.query(query) == fence, "a replay does not take the lease of a running ingest"

    loads = pipeline.query("SELECT count(*) FROM ops.load")
    validate_source = replaying.validate_source

    def acquired_by_ingest(*arguments: object) -> object:
        lease.acquire(pipeline.runtime.ingest, "load", DAY, "first", "ingest#1")
        return validate_source(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(replaying, "validate_source", acquired_by_ingest)
    with pytest.raises(PartitionBusy, match=f"another run has begun to load source 'first' of {DAY}"):
        replay_source(without_spotify(pipeline.runtime), DAY, "first")
    assert pipeline.query("SELECT count(*) FROM ops.load") == loads


def test_counts_of_a_later_load_are_not_overwritten(pipeline: Pipeline) -> None:
    pipeline.run()
    runtime = without_spotify(pipeline.runtime)
    states = replay_partition(runtime, Replay(DAY, ("first", "second")))
    pipeline.load("first")  # by another run
    before = pipeline.query("SELECT * FROM ops.reconciliation WHERE source = 'first' ORDER BY record_kind")
    stale = replace(states[0], counts={"track": KindCounts(fetched=1, loaded=1)})
    verdict = reconcile_replay(runtime, DAY, [stale, states[1]])
    assert verdict.complete == ["second"]
    assert (
        pipeline.query("SELECT * FROM ops.reconciliation WHERE source = 'first' ORDER BY record_kind")
        == before
    )


def test_a_range_contains_only_stored_sources(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.go_to(NEXT_DAY)
    pipeline.run(NEXT_DAY)
    lake, runtime = pipeline.lake, without_spotify(pipeline.runtime)
    assert list(retained_sources(lake, date(2020, 1, 1), date(2030, 1, 1))) == [DAY, NEXT_DAY]
    # a source without a manifest is not replayed
    lake.delete(keys.manifest_key(DAY, "first"))
    assert plan_replay(runtime, DAY, DAY) == [Replay(DAY, ("second",))]
    lake.delete(keys.manifest_key(DAY, "second"))
    assert list(retained_sources(lake, DAY, NEXT_DAY)) == [NEXT_DAY]
    assert plan_replay(runtime, DAY, NEXT_DAY, ["second"]) == [Replay(NEXT_DAY, ("second",))]
    assert pipeline.query("SELECT partition FROM ops.step_lease WHERE source = '_all' ORDER BY 1") == [
        (DAY,), (NEXT_DAY,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "sources", "message"),
    [
        (NEXT_DAY, DAY, [], f"begins on {NEXT_DAY} and ends on {DAY}, before it"),
        (date(2040, 1, 1), date(2040, 1, 2), [], f"the newest of {DAY}"),
        (DAY, DAY, ["other"], f"nothing of other is kept from {DAY} to {DAY}"),
    ],
)
def test_a_range_that_cannot_be_replayed_is_an_error(
    pipeline: Pipeline, first: date, last: date, sources: list[str], message: str
) -> None:
    pipeline.fetch("first")
    with pytest.raises(NothingRetained, match=message):
        plan_replay(without_spotify(pipeline.runtime), first, last, sources)


def test_a_lost_response_fails_only_its_source(pipeline: Pipeline) -> None:
    pipeline.run()
    broken = next(key for key in pipeline.lake.keys("raw/") if "source=first/album-" in key)
    pipeline.lake.delete(broken)
    states = replay_partition(without_spotify(pipeline.runtime), Replay(DAY, ("first", "second")))
    assert [state.status for state in states] == ["failed", "complete"]
    assert broken in str(states[0].message)
    with pytest.raises(DamagedObject, match="no manifest"):
        replay_source(without_spotify(pipeline.runtime), DAY, "third")
