"""Tests that a failing source or task does not stop the others, and that no row is written twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from spotify_pipeline.errors import DamagedObject, LeaseLost, WarehouseUnavailable
from spotify_pipeline.spark import engine
from spotify_pipeline.spark.engine import replay_span
from spotify_pipeline.stages.replay import Replay, plan_replay
from spotify_pipeline.warehouse import lease
from spotify_pipeline.warehouse.advisory_locks import spark_lock
from spotify_pipeline.warehouse.connection import connect
from tests.integration.pipeline import DAY, HASH, NEXT_DAY, Pipeline, spoil, without_spotify
from tests.integration.spark.conftest import empty
from tests.integration.spark.engines import States, differences, found, with_local, with_spark

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LOADED = "SELECT partition, source FROM ops.load WHERE run_id = 'spark' ORDER BY 1, 2"
ALL = [(DAY, "first"), (DAY, "second"), (NEXT_DAY, "first"), (NEXT_DAY, "second")]


def as_owner(pipeline: Pipeline, *statements: str) -> None:
    with connect(pipeline.runtime.lookup("warehouse_owner")) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def failed(states: States) -> dict[tuple[object, str], str]:
    return {
        (partition, state.source): str(state.message)
        for partition, of_partition in states.items()
        for state in of_partition
        if state.failed
    }


def test_a_repeated_task_writes_its_rows_once(two_days: Pipeline, spark: Any) -> None:
    with_local(two_days)
    expected = found(two_days)
    empty(two_days)
    # a sequence is not rolled back: the first time of each task fails after it has written
    as_owner(
        two_days,
        "CREATE SEQUENCE landing.tries",
        "GRANT USAGE ON SEQUENCE landing.tries TO spotify_ingest",
        "CREATE FUNCTION landing.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('landing.tries') = 1 THEN RAISE 'the first of all tries'; END IF; RETURN NULL; END $$",
        "CREATE TRIGGER fail AFTER INSERT ON landing.artist_observations EXECUTE FUNCTION landing.fail()",
    )
    assert failed(with_spark(two_days, spark)) == {}
    assert two_days.query("SELECT last_value > 1 FROM landing.tries") == [(True,)]
    assert differences(expected, found(two_days)) == {}


def test_a_bad_source_fails_alone_with_its_reason(two_days: Pipeline, spark: Any) -> None:
    broken = next(key for key in two_days.lake.keys("raw/") if f"{DAY}/source=first/album-" in key)
    two_days.lake.delete(broken)
    reasons = failed(with_spark(two_days, spark))
    assert reasons.keys() == {(DAY, "first")}
    assert broken in reasons[DAY, "first"]
    assert two_days.query(LOADED) == ALL[1:]


def test_promise_8_a_source_that_is_mostly_bad_loads_nothing(two_days: Pipeline, spark: Any) -> None:
    objects = [key for key in two_days.lake.keys("raw/") if f"{DAY}/source=first/album-" in key]
    for album in range(len(objects)):
        for _ in range(10):
            try:
                spoil(two_days, "first", b'"explicit":false', b'"explicit":"no"', album=album)
            except AssertionError:
                break
    reasons = failed(with_spark(two_days, spark))
    assert "breaks the contract, more than the 5% allowed" in reasons[DAY, "first"]
    assert two_days.query(LOADED) == ALL[1:]
    assert two_days.query("SELECT count(*) > 0 FROM ops.quarantined_record WHERE source = 'first'") == [
        (True,)
    ]


def test_an_ingest_of_the_same_partition_takes_precedence(
    two_days: Pipeline, spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_span = engine.load_span

    def slowly(*arguments: Any, **more: Any) -> Any:
        if not two_days.query("SELECT 1 FROM ops.step_lease WHERE holder = 'ingest#1'"):
            lease.acquire(two_days.runtime.ingest, "load", DAY, "second", "ingest#1")
        return load_span(*arguments, **more)

    monkeypatch.setattr(engine, "load_span", slowly)
    reasons = failed(with_spark(two_days, spark))
    assert reasons.keys() == {(DAY, "second")}
    assert "another run has begun to load source 'second'" in reasons[DAY, "second"]
    assert two_days.query(LOADED) == [ALL[0], *ALL[2:]]
    assert two_days.query("SELECT count(*) FROM landing.batch") == [(0,)]

    monkeypatch.undo()
    assert failed(with_spark(two_days, spark, "again")) == {}
    # the line that a source leaves which never got as far as counting
    as_owner(two_days, "DELETE FROM ops.reconciliation WHERE record_kind = 'response'")
    result = found(two_days)
    empty(two_days)
    with_local(two_days)
    assert differences(found(two_days), result) == {}


def test_a_transient_error_is_raised_after_the_other_loads(
    two_days: Pipeline, spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = without_spotify(two_days.runtime, "spark")
    load_span = engine.load_span

    def slowly(*arguments: Any, **more: Any) -> Any:
        lease.acquire(two_days.runtime.ingest, "replay", DAY, "second", "another try")
        return load_span(*arguments, **more)

    monkeypatch.setattr(engine, "load_span", slowly)
    with pytest.raises(LeaseLost, match="lost the lease of replay for source 'second'"):
        replay_span(runtime, spark, plan_replay(runtime, DAY, NEXT_DAY), tries_left=True)
    assert two_days.query(LOADED) == [ALL[0], *ALL[2:]]


@pytest.mark.parametrize("table", ["staging.tracks", "landing.track_observations"])
def test_a_record_that_postgres_refuses_fails_its_source_alone(
    two_days: Pipeline, spark: Any, table: str
) -> None:
    with_local(two_days)
    [(track_id,)] = two_days.query(
        "SELECT min(record_id) FROM staging.source_records WHERE record_kind = 'track' AND source = 'first'"
        " AND record_id NOT IN (SELECT record_id FROM staging.source_records WHERE source = 'second')"
    )
    empty(two_days)
    tables = {table, "staging.tracks"}
    as_owner(
        two_days,
        *(f"ALTER TABLE {name} ADD CONSTRAINT no CHECK (track_id <> '{track_id}')" for name in tables),
    )
    reasons = failed(with_spark(two_days, spark))
    assert {source for _, source in reasons} == {"first"}
    assert all(f"Postgres refuses track {track_id}" in reason for reason in reasons.values())
    assert {source for _, source in two_days.query(LOADED)} >= {"second"}


def test_lost_landed_rows_are_an_error_and_not_an_empty_source(
    two_days: Pipeline, spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash of Postgres, which empties unlogged tables."""
    load_span = engine.load_span

    def after_a_crash(*arguments: Any, **more: Any) -> Any:
        as_owner(two_days, "TRUNCATE landing.album_observations")
        return load_span(*arguments, **more)

    monkeypatch.setattr(engine, "load_span", after_a_crash)
    with pytest.raises(WarehouseUnavailable, match=r"landing\.album_observations, but 0 exist"):
        with_spark(two_days, spark)
    assert two_days.query(LOADED) == []


def test_the_first_reason_is_raised_if_every_source_fails(two_days: Pipeline, spark: Any) -> None:
    two_days.lake.delete_all([key for key in two_days.lake.keys("raw/") if "/album-" in key])
    runtime = without_spotify(two_days.runtime)
    with pytest.raises(DamagedObject, match=f"ingest_date={DAY}/source=first/"):
        replay_span(runtime, spark, [Replay(DAY, ("first", "second"))])


def test_raw_objects_of_an_erased_user_are_not_loaded(account: Pipeline, spark: Any) -> None:
    account.run()
    empty(account)
    as_owner(
        account,
        'DELETE FROM ops."user"',
        f"INSERT INTO ops.erasure (user_hash, erased_at, removed) VALUES ('{HASH}', now(), '{{}}')",
    )
    reasons = failed(with_spark(account, spark))
    assert {source for _, source in reasons} == {
        "followed",
        "lists",
        "plays",
        "saved",
        "top",
        "top-artists",
    }
    assert all("was erased on" in reason for reason in reasons.values())
    assert {source for _, source in account.query(LOADED)} == {"first", "second"}
    assert account.query("SELECT count(*) FROM staging.playlists") == [(0,)]


def test_the_counts_of_loads_add_up_to_the_written_rows(two_days: Pipeline, spark: Any) -> None:
    with_spark(two_days, spark)
    tables = ("tracks", "albums", "artists", "playlists")
    rows = " + ".join(f"(SELECT count(*) FROM staging.{table})" for table in tables)
    assert two_days.query(f"SELECT sum(inserted) = {rows}, sum(updated) FROM ops.load") == [(True, 0)]
    with_local(two_days, "local")
    ids = (
        "SELECT partition, source, inserted + updated + unchanged FROM ops.load"
        " WHERE run_id = '{}' ORDER BY 1, 2"
    )
    assert two_days.query(ids.format("spark")) == two_days.query(ids.format("local"))
    # a row names the load that wrote it, in the order of commits
    assert two_days.query(
        "SELECT count(*) FROM staging.tracks LEFT JOIN ops.load USING (load_seq) WHERE source IS NULL"
    ) == [(0,)]


def test_only_one_span_is_replayed_at_a_time(two_days: Pipeline) -> None:
    info = two_days.runtime.ingest

    def taken() -> Iterator[bool]:
        with spark_lock(info) as mine:
            yield mine
            with spark_lock(info) as second:
                yield second
        with spark_lock(info) as after:
            yield after

    assert list(taken()) == [True, False, True]
