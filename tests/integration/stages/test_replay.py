"""Stored raw to staging again: no call to Spotify, nothing changed by equal code, corrections overwrite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.observations import Observation, observations
from spotify_pipeline.errors import ConnectionMissing, DamagedObject, NothingRetained, PartitionBusy
from spotify_pipeline.lake import keys
from spotify_pipeline.lake.manifest import read_manifest, sha256
from spotify_pipeline.stages import replay as replaying
from spotify_pipeline.stages import validate as validating
from spotify_pipeline.stages.details import DETAILS
from spotify_pipeline.stages.replay import (
    Replay,
    plan_replay,
    reconcile_replay,
    replay_partition,
    replay_source,
    retained_partitions,
)
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.warehouse import lease
from spotify_pipeline.warehouse.connection import connect
from tests.integration.stages.conftest import DAY, World
from tests.integration.stages.test_accounts import listen, logged_in, own_sources

pytestmark = pytest.mark.integration
NEXT_DAY = DAY + timedelta(days=1)
VERSIONS = """
    SELECT t, xmin FROM (
        SELECT t::text, xmin::text FROM staging.tracks AS t UNION ALL
        SELECT t::text, xmin::text FROM staging.track_observations AS t UNION ALL
        SELECT t::text, xmin::text FROM staging.saved_tracks AS t UNION ALL
        SELECT t::text, xmin::text FROM staging.plays AS t UNION ALL
        SELECT t::text, xmin::text FROM staging.playlist_membership AS t UNION ALL
        SELECT t::text, xmin::text FROM ops.reconciliation AS t UNION ALL
        SELECT t::text, xmin::text FROM ops.quarantined_record AS t
    ) AS rows ORDER BY 1
"""


def without_spotify(runtime: Runtime, run_id: str = "replay") -> Runtime:
    """The same runtime, where whoever looks for Spotify's connections fails."""

    def lookup(conn_id: str) -> ConnectionInfo:
        if conn_id.startswith("spotify_") and conn_id != "spotify_lake":
            raise ConnectionMissing(f"a replay asked for {conn_id}")
        return runtime.lookup(conn_id)

    return Runtime(settings=runtime.settings, lookup=lookup, attempt=Attempt(run_id, 1))


def replay_all(world: World, first: date = DAY, last: date = NEXT_DAY) -> list[str]:
    """Everything that is kept of a range, newest date first; the names of the sources."""
    runtime = without_spotify(world.runtime)
    done = []
    for planned in reversed(plan_replay(runtime, first, last)):
        states = replay_partition(runtime, planned)
        reconcile_replay(runtime, planned.partition, states).raise_failures(str(planned.partition))
        done += [f"{planned.partition} {state.source}" for state in states]
    return sorted(done)


def two_days(world: World) -> None:
    """All that there is to load: sources, details, and a reading of the listening history."""
    world.run()
    world.run_details()
    listen(world)
    world.go_to(NEXT_DAY)
    world.run(NEXT_DAY)


@pytest.fixture
def account(world: World) -> Iterator[World]:
    """A user's sources beside an artist."""
    artist = world.sandbox.control.catalog().artists[0][0]
    world.list_sources({"name": "first", "kind": "artist", "ids": [artist]}, *own_sources(world))
    yield logged_in(world)
    world.sandbox.control.reset_users()


def spoil(world: World, source: str, old: bytes, new: bytes, *, album: int = 0) -> None:
    """Alter one track of a stored album as if Spotify had answered so, manifest included."""
    manifest = read_manifest(world.lake, DAY, source)
    assert manifest is not None
    objects = list(manifest.objects)
    place = [place for place, raw in enumerate(objects) if raw.kind == "album"][album]
    stored = world.lake.get(objects[place].key)
    data = stored.data.replace(old, new, 1)
    world.lake.put(stored.key, data, metadata=stored.metadata)
    objects[place] = replace(objects[place], sha256=sha256(data), bytes=len(data))
    altered = replace(manifest, objects=tuple(objects))
    assert altered != manifest
    world.lake.put(altered.key, altered.to_bytes())


def test_promise_1_a_replay_of_what_is_loaded_changes_no_row_and_no_object_and_calls_nobody(
    account: World,
) -> None:
    two_days(account)
    before = account.checksums(), account.query(VERSIONS)
    objects = {zone: account.objects(zone) for zone in ("raw", "validated", "quarantine")}
    account.sandbox.control.reset_calls()

    done = replay_all(account)

    assert {name.split()[1] for name in done} >= {"first", "lists", "saved", "top", "plays", DETAILS}
    assert f"{DAY} _listening-06" in done
    assert (account.checksums(), account.query(VERSIONS)) == before
    assert {zone: account.objects(zone) for zone in objects} == objects
    assert account.sandbox.control.calls().total == 0


def test_raw_alone_gives_the_warehouse_again_in_any_order(account: World) -> None:
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


def test_a_corrected_transformation_overwrites_what_the_old_one_loaded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    right = world.checksums()
    objects = world.objects("validated")

    def wrong(*arguments: Any) -> Iterator[Observation]:
        for row in observations(*arguments):
            listing = row.groups["listing"]
            yield row._replace(groups={**row.groups, "listing": {**listing, "name": f"{listing['name']}?"}})

    with monkeypatch.context() as patched:
        patched.setattr(validating, "observations", wrong)
        replay_all(world)
    for table in ("tracks", "albums", "artists", "track_observations", "artist_observations"):
        assert world.query(f"SELECT bool_and(name LIKE '%?') FROM staging.{table}") == [(True,)], table
    sequence = world.query("SELECT max(load_seq) FROM staging.track_observations")

    replay_all(world)

    assert world.checksums() == right
    assert world.objects("validated") == objects
    # the incremental models go by it
    assert world.query("SELECT max(load_seq) FROM staging.track_observations") > sequence


def test_what_passes_by_now_is_loaded_and_resolved_and_its_quarantine_object_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fetch("first")
    spoil(world, "first", b'"explicit":false', b'"explicit":"no"')
    spoil(world, "first", b'"disc_number":1', b'"disc_number":-1', album=1)
    world.validate("first")
    refused = world.load("first").counts["track"]
    assert refused.quarantined == 2
    tracks = world.query("SELECT count(*) FROM staging.tracks")
    open_records = "SELECT reason_code FROM ops.quarantined_record WHERE resolved_at IS NULL ORDER BY 1"
    assert [row[0] for row in world.query(open_records)] == [
        "track.disc_number.minimum", "track.explicit.type",
    ]  # fmt: skip

    judge = validating.validate

    def today(kind: str, record: object) -> object:
        if isinstance(record, dict) and record.get("explicit") == "no":
            record["explicit"] = False
        return judge(kind, record)

    monkeypatch.setattr(validating, "validate", today)
    state = replay_source(without_spotify(world.runtime), DAY, "first")

    assert state.counts["track"].quarantined == 1
    assert state.counts["track"].loaded == refused.loaded + 1
    assert world.query("SELECT count(*) FROM staging.tracks") == [(tracks[0][0] + 1,)]  # type: ignore[operator]
    assert world.query(open_records) == [("track.disc_number.minimum",)]
    assert len(world.objects("quarantine")) == 1

    # the older schema again: the record is open again, as its answer still says the same
    monkeypatch.undo()
    replay_source(without_spotify(world.runtime), DAY, "first")
    assert len(world.query(open_records)) == 2


def test_a_replay_gives_way_to_an_ingest_of_the_same_partition(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    fence = world.query("SELECT fence FROM ops.step_lease WHERE step = 'load' AND source = 'first'")
    replay_source(without_spotify(world.runtime), DAY, "first")
    query = "SELECT fence FROM ops.step_lease WHERE step = 'load' AND source = 'first'"
    assert world.query(query) == fence, "an ingest that runs now keeps its lease"

    loads = world.query("SELECT count(*) FROM ops.load")
    validate_source = replaying.validate_source

    def slowly(*arguments: object) -> object:
        lease.acquire(world.runtime.ingest, "load", DAY, "first", "ingest#1")
        return validate_source(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(replaying, "validate_source", slowly)
    with pytest.raises(PartitionBusy, match=f"another run has begun to load source 'first' of {DAY}"):
        replay_source(without_spotify(world.runtime), DAY, "first")
    assert world.query("SELECT count(*) FROM ops.load") == loads


def test_counts_of_a_later_load_are_not_written_over(world: World) -> None:
    world.run()
    runtime = without_spotify(world.runtime)
    states = replay_partition(runtime, Replay(DAY, ("first", "second")))
    world.load("first")  # by another run
    before = world.query("SELECT * FROM ops.reconciliation WHERE source = 'first' ORDER BY record_kind")
    stale = replace(states[0], counts={"track": KindCounts(fetched=1, loaded=1)})
    verdict = reconcile_replay(runtime, DAY, [stale, states[1]])
    assert verdict.complete == ["second"]
    assert (
        world.query("SELECT * FROM ops.reconciliation WHERE source = 'first' ORDER BY record_kind") == before
    )


def test_a_range_is_what_is_kept_of_it(world: World) -> None:
    world.run()
    world.go_to(NEXT_DAY)
    world.run(NEXT_DAY)
    lake, runtime = world.lake, without_spotify(world.runtime)
    assert retained_partitions(lake, date(2020, 1, 1), date(2030, 1, 1)) == [DAY, NEXT_DAY]
    # what has no manifest is no partition
    lake.delete(keys.manifest_key(DAY, "first"))
    assert plan_replay(runtime, DAY, DAY) == [Replay(DAY, ("second",))]
    lake.delete(keys.manifest_key(DAY, "second"))
    assert retained_partitions(lake, DAY, NEXT_DAY) == [NEXT_DAY]
    assert plan_replay(runtime, DAY, NEXT_DAY, ["second"]) == [Replay(NEXT_DAY, ("second",))]
    assert world.query("SELECT partition FROM ops.step_lease WHERE source = '_all' ORDER BY 1") == [
        (DAY,), (NEXT_DAY,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "sources", "said"),
    [
        (NEXT_DAY, DAY, [], f"begins on {NEXT_DAY} and ends on {DAY}, before it"),
        (date(2040, 1, 1), date(2040, 1, 2), [], f"the newest of {DAY}"),
        (DAY, DAY, ["other"], f"nothing of other is kept from {DAY} to {DAY}"),
    ],
)
def test_a_range_that_cannot_be_replayed_is_one_sentence(
    world: World, first: date, last: date, sources: list[str], said: str
) -> None:
    world.fetch("first")
    with pytest.raises(NothingRetained, match=said):
        plan_replay(without_spotify(world.runtime), first, last, sources)


def test_a_damaged_answer_fails_its_source_and_not_the_others(world: World) -> None:
    world.run()
    broken = next(key for key in world.lake.keys("raw/") if "source=first/album-" in key)
    world.lake.delete(broken)
    states = replay_partition(without_spotify(world.runtime), Replay(DAY, ("first", "second")))
    assert [state.status for state in states] == ["failed", "complete"]
    assert broken in str(states[0].message)
    with pytest.raises(DamagedObject, match="no manifest"):
        replay_source(without_spotify(world.runtime), DAY, "third")
