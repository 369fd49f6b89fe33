"""Schedules in which something around a step is wrong, such as a full disk or no free connection.

The attempt that meets it must end well or as a transient error; after it, the result must be the same.
"""

from __future__ import annotations

import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import yaml
from minio import Minio

from spotify_pipeline.lake import Lake
from spotify_pipeline.warehouse.merge import LOAD_LOCK
from tests.faults.attempt import Attempt, Prepare, attempt
from tests.faults.cell import RETRIES, Moment, at_the_end, of_outage
from tests.faults.environment import Environment
from tests.faults.oracle import Finding
from tests.faults.schedules import Outcome

LOCK_SECONDS = 30


@dataclass(frozen=True)
class Shortage:
    """A shortage in steps whose name is in `steps`.

    `around` makes it in the servers, during the first attempt; `within` makes it in the process of that
    attempt. `must_fail` says that the attempt cannot succeed, so that the shortage has an effect.
    """

    name: str
    steps: Sequence[str]
    around: Callable[[Environment], AbstractContextManager[None]] = lambda _environment: nullcontext()
    within: Prepare | None = None
    must_fail: bool = False


def meet_shortages(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None = None, *, only: str = ""
) -> Outcome:
    """Each shortage, or `only` this one, in each of its steps: a retry afterwards gives the same result."""
    outcome = Outcome()
    for shortage in SHORTAGES:
        if only not in shortage.name:
            continue
        for moment in moments:
            if str(moment.step) in shortage.steps:
                found = list(_meet(environment, moment, shortage, prepare, outcome))
                where = f"{shortage.name}, {moment.step.day} {moment.step}"
                outcome.findings += [replace(each, subject=f"{where}: {each.subject}") for each in found]
    return outcome


def _meet(
    environment: Environment, moment: Moment, shortage: Shortage, prepare: Prepare | None, outcome: Outcome
) -> Iterator[Finding]:
    environment.freeze_clock(moment.step.day)
    environment.restore(moment.before)
    environment.sandbox.control.reset_calls()
    with shortage.around(environment):
        tried = attempt(
            environment, moment.step, moment.before.carried, prepare=_both(prepare, shortage.within)
        )
    outcome.injected += 1
    yield from of_outage(tried)
    if shortage.must_fail and tried.is_done:
        yield Finding("harness", "first attempt", "ended well, so there was no shortage")
    for number in range(2, RETRIES + 2):
        if tried.is_done:
            break
        tried = attempt(environment, moment.step, moment.before.carried, number=number, prepare=prepare)
        outcome.seconds.append(tried.seconds)
        yield from _recovered(tried, number)
    yield from at_the_end(environment, moment, tried, failed=1)


def _recovered(tried: Attempt, number: int) -> Iterator[Finding]:
    if not tried.is_done:
        yield Finding("recovery", f"try {number}", f"{tried.ended}: {tried.error}")


def _both(first: Prepare | None, second: Prepare | None) -> Prepare:
    def prepare() -> None:
        for each in (first, second):
            if each is not None:
                each()

    return prepare


@contextmanager
def no_connection_left(environment: Environment) -> Iterator[None]:
    """Let only the superuser connect to the database."""
    name = environment.name
    with environment.administrator() as admin:
        admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0".encode())
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1".encode())


@contextmanager
def deadlock(environment: Environment) -> Iterator[None]:
    """Hold a table, and then wait for the lock that the waiting load holds: Postgres ends the load."""
    with psycopg.connect(environment.servers.postgres.url(environment.name)) as other:
        # the load waits a shorter time than this session until it looks for a deadlock
        other.execute("SET deadlock_timeout = '60s'; SET lock_timeout = '30s'")
        other.execute("LOCK TABLE staging.artists IN ACCESS EXCLUSIVE MODE")

        def wait_for_the_load() -> None:
            deadline = time.monotonic() + LOCK_SECONDS
            with environment.superuser() as watching:
                while time.monotonic() < deadline:
                    waiting = watching.execute(
                        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
                        " AND relation = 'staging.artists'::regclass"
                    ).fetchone()
                    if waiting and waiting[0]:
                        break
                    time.sleep(0.01)
            other.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])
            other.rollback()

        thread = threading.Thread(target=wait_for_the_load)
        thread.start()
        try:
            yield
        finally:
            thread.join(LOCK_SECONDS * 2)


@contextmanager
def old_transaction(environment: Environment) -> Iterator[None]:
    """Keep a transaction open that needs all row versions, so that VACUUM can remove none."""
    with psycopg.connect(environment.servers.postgres.url(environment.name)) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM staging.tracks")
        yield


@contextmanager
def newer_schema(environment: Environment) -> Iterator[None]:
    """Let the warehouse have a schema revision of a later release, as an old worker sees it in a rollout."""
    with environment.superuser() as conn:
        row = conn.execute("SELECT version_num FROM ops.alembic_version").fetchone()
        conn.execute("UPDATE ops.alembic_version SET version_num = 'r9999'")
        try:
            yield
        finally:
            conn.execute("UPDATE ops.alembic_version SET version_num = %s", row)


@contextmanager
def changed_sources(environment: Environment) -> Iterator[None]:
    """Deploy another definition of a source between its fetch and its load."""
    path = environment.folder / "sources.yml"
    before = path.read_text()
    content = yaml.safe_load(before)
    content["sources"][0]["include_groups"] = ["compilation"]
    path.write_text(yaml.safe_dump(content))
    try:
        yield
    finally:
        path.write_text(before)


def full_disk() -> None:
    """Let this process write no byte to any file; a real full disk needs a file system of its own.

    Writes fail with EFBIG. Temporary files, which are small here, are on the disk from their first byte.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    spooled = tempfile.SpooledTemporaryFile
    tempfile.SpooledTemporaryFile = lambda **options: spooled(**options | {"max_size": 1})  # type: ignore[assignment,misc]


def store_without_conditions() -> None:
    """Let the store ignore `If-None-Match`, as some servers do."""
    put = Minio._put_object

    def unconditional(client: Minio, *arguments: Any, **options: Any) -> Any:
        (options.get("headers") or {}).pop("If-None-Match", None)
        return put(client, *arguments, **options)

    Minio._put_object = unconditional


def stale_listing() -> None:
    """Let every listing lack its last object, as in a store whose listings lag behind."""
    listed = Lake.keys

    def keys(lake: Lake, prefix: str) -> list[str]:
        return listed(lake, prefix)[:-1]

    Lake.keys = keys  # type: ignore[method-assign,assignment]


_WAREHOUSE_STEPS = ("plan", "fetch band", "load band", "load lists", "reconcile", "replay", "erase", "retain")
SHORTAGES = (
    Shortage("no connection is left", _WAREHOUSE_STEPS, no_connection_left, must_fail=True),
    Shortage("deadlock", ("load band",), deadlock, must_fail=True),
    Shortage("a transaction blocks vacuum", ("retain",), old_transaction),
    Shortage("a newer schema, during a rollout", ("load band", "replay"), newer_schema, must_fail=True),
    Shortage("sources.yml changes after the fetch", ("validate band", "load band"), changed_sources),
    Shortage(
        "the worker's disk is full",
        ("fetch lists", "validate band", "load band"),
        within=full_disk,
    ),
    Shortage(
        "the store ignores If-None-Match",
        ("fetch band", "fetch lists", "fetch _details", "listen _listening"),
        within=store_without_conditions,
    ),
    Shortage("a listing lags", ("fetch band", "fetch lists", "listen _listening"), within=stale_listing),
)
