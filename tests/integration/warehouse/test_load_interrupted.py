"""Promise 3: a load that is interrupted or loses its lease writes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from spotify_pipeline.contract.observations import Observation
from spotify_pipeline.errors import LeaseLost, TransientError, WarehouseUnavailable
from spotify_pipeline.warehouse import lease
from tests.integration.warehouse.warehouse_database import DAY, Warehouse, track

pytestmark = pytest.mark.integration


def acquire(warehouse: Warehouse, holder: str) -> lease.Lease:
    return lease.acquire(warehouse.info(), "load", DAY, "one", holder)


def many_tracks() -> Iterator[Observation]:
    return (track(str(number)) for number in range(6_000))


def test_each_attempt_gets_a_higher_fence(warehouse: Warehouse) -> None:
    assert [acquire(warehouse, holder).fence for holder in ("try 1", "try 2", "try 3")] == [1, 2, 3]
    assert lease.acquire(warehouse.info(), "load", DAY, "two", "try 1").fence == 1
    assert warehouse.rows("SELECT source, holder FROM ops.step_lease ORDER BY 1") == [
        ("one", "try 3"),
        ("two", "try 1"),
    ]


def test_an_attempt_writes_nothing_after_its_retry_has_started(warehouse: Warehouse) -> None:
    orphan = acquire(warehouse, "try 1")

    def retry_starts_meanwhile() -> Iterator[Observation]:
        yield from many_tracks()
        acquire(warehouse, "try 2")

    with pytest.raises(LeaseLost, match="'try 1' lost the lease of load for source 'one'.*'try 2' took it"):
        warehouse.load(retry_starts_meanwhile(), lease=orphan)
    assert warehouse.checksums()["staging.tracks"]["rows"] == 0
    assert warehouse.rows("SELECT * FROM ops.load") == []


def test_two_concurrent_runs_of_a_partition_both_complete(warehouse: Warehouse) -> None:
    """Of a scheduled and a manual run of one partition, the first to start loses its lease and is retried."""
    overtaken = acquire(warehouse, "by hand")

    def other_run_starts_meanwhile() -> Iterator[Observation]:
        yield from many_tracks()
        warehouse.load(many_tracks(), lease=acquire(warehouse, "scheduled"))

    with pytest.raises(TransientError, match="the task tries again"):
        warehouse.load(other_run_starts_meanwhile(), lease=overtaken)
    loaded = warehouse.checksums()
    warehouse.load(many_tracks(), lease=acquire(warehouse, "by hand, second try"))
    assert warehouse.checksums() == loaded
    assert loaded["staging.tracks"]["rows"] == 6_000


def test_a_retry_waits_for_an_attempt_that_is_committing(warehouse: Warehouse) -> None:
    first = acquire(warehouse, "try 1")
    with ThreadPoolExecutor(1) as pool:
        with warehouse.connect() as conn:
            lease.check(conn, first)
            retry = pool.submit(acquire, warehouse, "try 2")
            warehouse.wait_until_blocked()
            assert not retry.done()
        assert retry.result(timeout=30).fence == 2


def test_a_lease_that_was_removed_is_lost(warehouse: Warehouse) -> None:
    held = acquire(warehouse, "try 1")
    with psycopg.connect(warehouse.admin_url) as conn:
        conn.execute("DELETE FROM ops.step_lease")
    with pytest.raises(LeaseLost, match="it was removed"):
        warehouse.load([track()], lease=held)


@pytest.mark.parametrize("when", ["while rows are copied", "right before the commit"])
def test_a_lost_connection_writes_nothing_and_a_retry_completes(warehouse: Warehouse, when: str) -> None:
    def end_connections(conn: psycopg.Connection | None = None, load_seq: int = 0) -> None:
        with psycopg.connect(warehouse.admin_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'spotify-pipeline load%'"
            )

    def rows() -> Iterator[Observation]:
        yield from many_tracks()
        if when == "while rows are copied":
            end_connections()
        yield from many_tracks()

    with pytest.raises(WarehouseUnavailable, match=r"'warehouse_ingest': Postgres at 127\.0\.0\.1:\d+"):
        warehouse.load(rows(), before_commit=end_connections)
    assert warehouse.checksums()["staging.tracks"]["rows"] == 0
    assert warehouse.rows("SELECT * FROM ops.load") == []
    assert warehouse.load(many_tracks()).tables["staging.tracks"].inserted == 6_000


def test_an_error_in_the_stream_writes_nothing(warehouse: Warehouse) -> None:
    def broken() -> Iterator[Observation]:
        yield from many_tracks()
        raise OSError("the object store went away")

    with pytest.raises(OSError, match="object store went away"):
        warehouse.load(broken())
    assert warehouse.checksums()["staging.tracks"]["rows"] == 0


def test_a_commit_whose_response_was_lost_is_repeated_safely(warehouse: Warehouse) -> None:
    """The first attempt committed, but its task got no response and runs again."""
    warehouse.load(many_tracks())
    before = warehouse.checksums()
    assert warehouse.load(many_tracks()).tables["staging.tracks"].unchanged == 6_000
    assert warehouse.checksums() == before


def test_load_sequence_order_is_commit_order(warehouse: Warehouse) -> None:
    """The load that commits first has the lower number, even if the other started long before it."""
    started, may_continue = threading.Event(), threading.Event()

    def slow() -> Iterator[Observation]:
        yield track("slow")
        started.set()
        assert may_continue.wait(30)

    with ThreadPoolExecutor(1) as pool:
        first_to_start = pool.submit(warehouse.load, slow(), source="one")
        assert started.wait(30)
        first_to_commit = warehouse.load([track("fast")], source="two")
        may_continue.set()
        assert first_to_start.result(timeout=60).load_seq > first_to_commit.load_seq
    assert warehouse.rows("SELECT source FROM ops.load ORDER BY load_seq") == [("two",), ("one",)]


def test_a_visible_load_number_implies_all_lower_ones(warehouse: Warehouse) -> None:
    """A reader that sees a number sees all lower ones, which incremental models rely on."""
    seen: list[tuple[int, int | None]] = []

    def check_numbers(conn: psycopg.Connection, load_seq: int) -> None:
        drawn = conn.execute("SELECT max(load_seq) FROM ops.load").fetchone()
        committed = warehouse.row("SELECT max(load_seq) FROM ops.load")[0]
        assert drawn == (load_seq,)
        seen.append((drawn[0], committed))

    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(
                warehouse.load, [track(f"track-{n % 2}")], source=f"s{n}", before_commit=check_numbers
            )
            for n in range(8)
        ]
        for job in jobs:
            job.result(timeout=60)
    assert len(seen) == 8
    assert all(committed in (drawn - 1, None) for drawn, committed in seen)


def test_connections_notice_a_lost_server_within_a_minute(
    warehouse: Warehouse,
) -> None:
    """Keepalives are not sent while data is unacknowledged; TCP alone retries for fifteen minutes."""
    with warehouse.connect() as conn:
        parameters = conn.info.get_parameters()
    assert parameters["tcp_user_timeout"] == "60000"
    assert int(parameters["keepalives_idle"]) + 3 * int(parameters["keepalives_interval"]) <= 60
