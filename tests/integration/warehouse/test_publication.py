"""Tests that readers see the tested tables of one build, and the row of its publication."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest

from spotify_pipeline.errors import BuildIncomplete, MartsPinned
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.load_log import highest_load_seq
from spotify_pipeline.warehouse.publication import (
    Build,
    Inputs,
    Publication,
    inputs_of,
    is_published,
    pin,
    publish,
    publish_again,
)
from tests.integration.warehouse.warehouse_database import DAY, Warehouse

pytestmark = pytest.mark.integration
NEXT_DAY = date(2026, 11, 6)
TABLES = ("a", "b")
BUILD = Build(frozenset({"model.p.a", "model.p.b"}), frozenset({"test.p.t"}))
BOTH = "SELECT min(a.v), max(a.v), min(b.v), max(b.v) FROM marts.a, marts.b"


def record_build(conn: psycopg.Connection, table: str) -> None:
    statement = (
        "INSERT INTO ops.dbt_result (unique_id, resource_type, status) VALUES (%s, 'model', 'success')"
    )
    conn.execute(statement, [f"model.p.{table}"])


def build(warehouse: Warehouse, value: int) -> None:
    """Build both tables as dbt does: each is replaced and visible at once."""
    with warehouse.connect(roles.DBT) as conn:
        for table in TABLES:
            conn.execute(f"DROP TABLE IF EXISTS marts_build.{table}")
            conn.execute(
                f"CREATE TABLE marts_build.{table} AS SELECT {value} AS v FROM generate_series(1, 3)"
            )
            record_build(conn, table)


def run_test(warehouse: Warehouse, run_id: str, status: str = "pass", partition: date = DAY) -> None:
    with warehouse.connect(roles.DBT) as conn:
        conn.execute(
            "INSERT INTO ops.dbt_result (partition, run_id, unique_id, resource_type, status)"
            " VALUES (%s, %s, 'test.p.t', 'test', %s)",
            [partition.isoformat(), run_id, status],
        )


def publish_build(warehouse: Warehouse, run_id: str, load_seq: int = 1, **more: Any) -> Publication:
    partition = more.pop("partition", DAY)
    with warehouse.connect() as conn:
        return publish(conn, partition, run_id, load_seq, BUILD, wait=more.pop("wait", 5), **more)


@contextmanager
def reader(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    with warehouse.connect(roles.READER) as conn:
        conn.autocommit = True
        yield conn


@pytest.fixture
def published(warehouse: Warehouse) -> Warehouse:
    """A warehouse with value 1 published by run `one`, and value 2 built and tested by run `two`."""
    build(warehouse, 1)
    run_test(warehouse, "one")
    publish_build(warehouse, "one")
    build(warehouse, 2)
    run_test(warehouse, "two", partition=NEXT_DAY)
    return warehouse


def test_readers_see_a_build_only_after_its_publication(published: Warehouse) -> None:
    with reader(published) as conn:
        assert conn.execute(BOTH).fetchone() == (1, 1, 1, 1)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT * FROM marts_build.a")
        publish_build(published, "two", 2, partition=NEXT_DAY)
        assert conn.execute(BOTH).fetchone() == (2, 2, 2, 2)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT * FROM marts_build.a")
        assert conn.execute("SELECT run_id, load_seq FROM ops.pin_publication()").fetchone() == ("two", 2)


def test_rights_of_other_readers_follow_the_switch(published: Warehouse) -> None:
    with psycopg.connect(published.admin_url) as conn:
        conn.execute("DO $$ BEGIN CREATE ROLE tests_analyst; EXCEPTION WHEN duplicate_object THEN END $$")
        conn.execute("GRANT USAGE ON SCHEMA marts TO tests_analyst")
    try:
        publish_build(published, "two", partition=NEXT_DAY)
        assert published.row(
            "SELECT has_schema_privilege('tests_analyst', 'marts', 'USAGE'),"
            " has_schema_privilege('tests_analyst', 'marts_build', 'USAGE')"
        ) == (True, False)
    finally:
        with psycopg.connect(published.admin_url) as conn:
            conn.execute("DROP OWNED BY tests_analyst")
            conn.execute("DROP ROLE tests_analyst")


def test_a_publication_that_is_rolled_back_changes_nothing(published: Warehouse) -> None:
    with published.connect() as conn:
        publish(conn, NEXT_DAY, "two", 2, BUILD, wait=5)
        conn.rollback()
    with reader(published) as conn:
        assert conn.execute(BOTH).fetchone() == (1, 1, 1, 1)
        assert conn.execute("SELECT run_id FROM ops.publication").fetchall() == [("one",)]


def test_a_retry_after_a_lost_commit_does_not_switch_back(published: Warehouse) -> None:
    first = publish_build(published, "two", 2, partition=NEXT_DAY)
    assert publish_build(published, "two", 2, partition=NEXT_DAY) == first
    with reader(published) as conn:
        assert conn.execute(BOTH).fetchone() == (2, 2, 2, 2)


def test_tables_that_were_not_built_again_are_not_published(published: Warehouse) -> None:
    publish_build(published, "two", partition=NEXT_DAY)
    run_test(published, "three")
    with pytest.raises(BuildIncomplete, match="2 tables were not built"):
        publish_build(published, "three")
    with published.connect(roles.DBT) as conn:
        record_build(conn, "a")
    with pytest.raises(BuildIncomplete, match=r"1 tables were not built .*model\.p\.b.*catch_up"):
        publish_build(published, "two", partition=NEXT_DAY)


def test_a_build_with_a_failed_test_is_not_published(published: Warehouse) -> None:
    build(published, 3)
    run_test(published, "three", "fail")
    with pytest.raises(BuildIncomplete, match=r"1 data tests did not pass"):
        publish_build(published, "three")
    run_test(published, "three", "warn")
    assert publish_build(published, "three").tests_passed == 1


def test_a_build_with_a_test_without_result_is_not_published(warehouse: Warehouse) -> None:
    build(warehouse, 1)
    with pytest.raises(BuildIncomplete, match=r"no result \(test\.p\.t\)"):
        publish_build(warehouse, "one")


def test_each_statement_sees_one_publication_only(published: Warehouse) -> None:
    """During switches no statement sees two builds, none fails, and a long query completes."""
    stop, seen, errors = threading.Event(), set[tuple[Any, ...]](), list[BaseException]()

    def read() -> None:
        try:
            with reader(published) as conn:
                while not stop.is_set():
                    seen.add(tuple(conn.execute(BOTH).fetchone() or ()))
        except BaseException as error:
            errors.append(error)

    def long_query() -> None:
        try:
            with reader(published) as conn:
                row = conn.execute("SELECT min(v), max(v) FROM marts.a, pg_sleep(1.5)").fetchone()
                assert row == (1, 1)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=target) for target in (read, read, long_query)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    for number in range(2, 12):
        build(published, number) if number > 2 else None
        run_test(published, f"run {number}")
        publish_build(published, f"run {number}")
        if number == 2:
            threads[2].join()  # dbt waits for readers of the retired tables; a publication does not
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(seen) > 1
    assert all(len(set(row)) == 1 for row in seen)


def test_a_pinned_reader_never_sees_two_publications(published: Warehouse) -> None:
    with published.connect(roles.READER) as conn:
        pin(conn)
        assert conn.execute("SELECT max(v) FROM marts.a").fetchone() == (1,)
        with pytest.raises(MartsPinned, match=r"spotify_reader \(spotify-pipeline, pid \d+\)"):
            publish_build(published, "two", wait=1, partition=NEXT_DAY)
        assert conn.execute("SELECT max(v) FROM marts.b").fetchone() == (1,)
    assert publish_build(published, "two", partition=NEXT_DAY).run_id == "two"


def test_the_pin_in_sql_ends_with_its_transaction(published: Warehouse) -> None:
    with published.connect(roles.READER) as conn:
        assert conn.execute("SELECT run_id FROM ops.pin_publication()").fetchone() == ("one",)
        with pytest.raises(MartsPinned):
            publish_build(published, "two", wait=1, partition=NEXT_DAY)
        conn.commit()
        publish_build(published, "two", partition=NEXT_DAY)
        assert conn.execute("SELECT run_id FROM ops.pin_publication()").fetchone() == ("two",)


def test_a_load_seq_only_grows(published: Warehouse) -> None:
    with published.connect() as conn:
        assert highest_load_seq(conn) == 0
    publish_build(published, "two", 5, partition=NEXT_DAY)
    build(published, 3)
    run_test(published, "late", partition=NEXT_DAY)
    publish_build(published, "late", 4, partition=NEXT_DAY)
    assert published.rows("SELECT run_id, load_seq FROM ops.publication WHERE partition = '2026-11-06'") == [
        ("late", 5)
    ]


def as_owner(warehouse: Warehouse, statement: str) -> None:
    with warehouse.connect(roles.OWNER) as conn:
        conn.execute(statement.encode())


def publish_for_partition(warehouse: Warehouse, partition: date, run_id: str, digest: str) -> Publication:
    with warehouse.connect() as conn:
        return publish_again(conn, partition, run_id, Inputs(2, digest), wait=1)


def test_one_build_is_published_for_several_partitions(published: Warehouse) -> None:
    publish_build(published, "two", 2, partition=NEXT_DAY, inputs_digest="inputs")
    third = date(2026, 11, 7)
    assert publish_for_partition(published, third, "three", "inputs") == Publication(third, "three", 2, 1)

    rows = published.rows("SELECT partition, switched_at, published_at FROM ops.publication ORDER BY 1")
    assert [row[0] for row in rows] == [DAY, NEXT_DAY, third]
    assert rows[1][1] == rows[2][1], "both partitions have the tables of one switch"
    with reader(published) as conn:
        assert conn.execute(BOTH).fetchone() == (2, 2, 2, 2)
        assert conn.execute("SELECT partition FROM ops.pin_publication()").fetchone() == (third,)

    assert publish_for_partition(published, third, "three", "inputs").run_id == "three"
    assert (
        published.rows("SELECT partition, switched_at, published_at FROM ops.publication ORDER BY 1") == rows
    )
    # a later build can still be published
    build(published, 4)
    run_test(published, "four", partition=third)
    publish_build(published, "four", 4, partition=third)
    with reader(published) as conn:
        assert conn.execute(BOTH).fetchone() == (4, 4, 4, 4)


@pytest.mark.parametrize("digest", ["other", None])
def test_tables_of_other_inputs_are_not_published_again(published: Warehouse, digest: str | None) -> None:
    publish_build(published, "two", 2, partition=NEXT_DAY, inputs_digest=digest)
    with pytest.raises(BuildIncomplete, match="clear its task `watermark`"):
        publish_for_partition(published, date(2026, 11, 7), "three", "inputs")


def test_a_pinned_reader_prevents_a_further_partition(published: Warehouse) -> None:
    publish_build(published, "two", 2, partition=NEXT_DAY, inputs_digest="inputs")
    with published.connect(roles.READER) as conn:
        pin(conn)
        with pytest.raises(MartsPinned):
            publish_for_partition(published, date(2026, 11, 7), "three", "inputs")


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO staging.source_records (source, record_kind, record_id, first_seen_on, last_seen_on,"
        " load_seq) VALUES ('s', 'track', 'id', '2026-11-05', '2026-11-05', 7)",
        "INSERT INTO ops.removal (load_seq, removed_at) VALUES (7, now())",
        "UPDATE ops.reconciliation SET status = 'failed', checked_at = clock_timestamp()",
        "UPDATE ops.source SET active = false",
    ],
)
def test_a_change_of_anything_that_dbt_reads_requires_a_build(warehouse: Warehouse, change: str) -> None:
    as_owner(
        warehouse,
        "INSERT INTO ops.reconciliation (partition, source, record_kind, fetched, loaded, quarantined,"
        " duplicates, set_aside, complete, status, checked_at)"
        " VALUES ('2026-11-05', 's', 'track', 1, 1, 0, 0, 0, true, 'complete', now())",
    )
    as_owner(
        warehouse,
        "INSERT INTO ops.source (name, kind, active, definition_sha256, first_planned_on, last_planned_on)"
        " VALUES ('s', 'artist', true, 'x', '2026-11-05', '2026-11-05')",
    )
    with warehouse.connect() as conn:
        before = inputs_of(conn, "code")
        assert not is_published(conn, before)
    build(warehouse, 1)
    run_test(warehouse, "one")
    publish_build(warehouse, "one", inputs_digest=before.digest)
    with warehouse.connect() as conn:
        assert is_published(conn, inputs_of(conn, "code"))
        assert not is_published(conn, inputs_of(conn, "other code"))
    as_owner(warehouse, change)
    with warehouse.connect() as conn:
        assert not is_published(conn, inputs_of(conn, "code"))


def test_a_load_that_changed_nothing_requires_no_build(published: Warehouse) -> None:
    with published.connect() as conn:
        before = inputs_of(conn, "code")
    publish_build(published, "two", 2, partition=NEXT_DAY, inputs_digest=before.digest)
    as_owner(
        published,
        "INSERT INTO ops.load (load_seq, partition, source, started_at, finished_at, inserted, updated,"
        " unchanged, complete, run_id, try_number)"
        " VALUES (7, '2026-11-05', 's', now(), now(), 0, 0, 9, true, 'r', 1)",
    )
    with published.connect() as conn:
        now = inputs_of(conn, "code")
        assert is_published(conn, now)
    assert now.load_seq == 7, "the publication says that it contains this load"
