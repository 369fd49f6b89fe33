"""Runs a publication with faults: every call of `publish` and of `catch_up` fails once.

Two small tables stand for the marts. They are built as dbt builds them: one table at a time, under its name,
with a row of ops.dbt_result. All values are equal to the load number of their publication, so that a reader
can check in one statement that all tables belong to the same publication.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, product
from pathlib import Path
from typing import Any

import psycopg

from spotify_pipeline.stages import publish
from spotify_pipeline.stages.publish import Watermark
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.publication import Build
from tests.faults.attempt import Attempt, Prepare, attempt
from tests.faults.cell import RETRIES, Moment
from tests.faults.driver import Step
from tests.faults.environment import DAY, Environment
from tests.faults.interpose import WAYS, Way
from tests.faults.oracle import Finding, warehouse_at_rest
from tests.faults.schedules import Outcome

TABLES = ("a", "b")
BUILD = Build(frozenset(f"model.p.{table}" for table in TABLES), frozenset({"test.p.t"}))
OLD, NEW = 1, 2
_READ = """
SELECT (SELECT value FROM marts.a), (SELECT value FROM marts.b),
    (SELECT load_seq FROM ops.publication ORDER BY published_at DESC LIMIT 1)
"""
# a switch that does not move the rights
_WITHOUT_RIGHTS = """
CREATE OR REPLACE FUNCTION ops.switch_without_rights() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ALTER SCHEMA marts RENAME TO marts_retired;
    ALTER SCHEMA marts_build RENAME TO marts;
    ALTER SCHEMA marts_retired RENAME TO marts_build;
END $$;
ALTER FUNCTION ops.switch_without_rights() OWNER TO spotify_publisher;
"""


def switched(
    environment: Environment,
    moments: Sequence[Moment],
    prepare: Prepare | None = None,
    *,
    ways: Sequence[Way] = WAYS,
    every: int = 1,
) -> Outcome:
    """Promises 3 and 7: a publication fails between build, switch and catch-up, and is retried.

    Readers always see one complete publication. Afterwards a single task can be cleared and published.
    It ends at the first case with a finding.
    """
    environment.restore(moments[0].before)
    outcome = Outcome()
    for way, task in product(ways, ("publish", "catch_up")):
        for number in count(1, every):
            case = _Case(environment, prepare, task, way, number)
            found = list(case.run())
            outcome.injected += case.has_failed_call
            outcome.seconds.append(case.seconds)
            where = f"{task}, call {number} {way}"
            outcome.findings += [replace(each, subject=f"{where}: {each.subject}") for each in found]
            if found or not case.has_failed_call:
                break
        if outcome.findings:
            break
    outcome.findings += warehouse_at_rest(environment.inspector())
    _reset_schemas(environment, drop_only=True)
    return outcome


@dataclass
class _Case:
    """One publication, in which call `number` of `task` fails, and what a person does afterwards."""

    environment: Environment
    prepare: Prepare | None
    task: str
    way: Way
    number: int
    has_failed_call: bool = False
    seconds: float = 0.0

    def run(self) -> Iterator[Finding]:
        _reset_schemas(self.environment)
        yield from self._expect_success("build")
        yield from check_readers(self.environment, OLD)
        yield from self._until_done("publish", OLD)
        # one model that is cleared before the retired tables have caught up is not a complete build
        yield from self._expect_success("clear")
        if self._try("publish").is_done:
            yield from check_readers(self.environment, NEW)
        yield from self._until_done("catch_up", NEW)
        yield from self._expect_success("clear")
        yield from self._expect_success("publish")
        yield from check_readers(self.environment, NEW)

    def _until_done(self, task: str, before: int) -> Iterator[Finding]:
        tried = self._try(task, faults={self.number: self.way} if task == self.task else None)
        self.has_failed_call = self.has_failed_call or tried.failed_call is not None
        yield from check_readers(self.environment, before, NEW)
        for number in range(2, RETRIES + 2):
            if tried.is_done:
                break
            tried = self._try(task, number=number)
            self.seconds += tried.seconds
        if not tried.is_done:
            yield Finding("recovery", task, f"{tried.ended}: {tried.error}")
        yield from check_readers(self.environment, NEW)

    def _expect_success(self, task: str) -> Iterator[Finding]:
        done = self._try(task)
        if not done.is_done:
            yield Finding("recovery", task, f"{done.ended}: {done.error}")

    def _try(self, task: str, **more: Any) -> Attempt:
        return attempt(self.environment, Step(DAY, task), {}, prepare=self.prepare, work=work, **more)


def check_readers(environment: Environment, *expected: int) -> Iterator[Finding]:
    """Check that spotify_reader reads one of the expected publications, and nothing that is being built."""
    with connect(environment.connections["warehouse_reader"], autocommit=True) as conn:
        try:
            row: tuple[Any, ...] = conn.execute(_READ).fetchone() or ()
        except psycopg.Error as error:
            yield Finding("readers", "marts", f"cannot be read: {str(error).splitlines()[0]}")
            return
        if len(set(row)) != 1 or row[0] not in expected:
            yield Finding("readers", "marts", f"tables and publication are {row}, not {expected}")
        allowed = conn.execute("SELECT has_schema_privilege('marts_build', 'USAGE')").fetchone()
        if allowed != (False,):
            yield Finding("readers", "marts_build", "can be read before it is tested")


def work(runtime: Runtime, step: Step, _: Mapping[str, Any]) -> None:
    """Run one task of spotify_transform."""
    if step.task == "publish":
        covered = Watermark(NEW, "", "", is_published=False)
        publish.publish(runtime, DAY, Path(runtime.settings.sources).parent, covered, BUILD)
    elif step.task == "catch_up":
        catch_up(runtime)
    else:
        build(runtime, TABLES[:1] if step.task == "clear" else TABLES)


def catch_up(runtime: Runtime) -> None:
    """Build the retired tables again."""
    build(runtime, TABLES)


def build(runtime: Runtime, tables: Sequence[str]) -> None:
    """Build tables and run the test, as dbt does."""
    with connect(runtime.lookup("warehouse_dbt"), autocommit=True) as conn:
        for table in tables:
            with conn.transaction():
                conn.execute(f"DROP TABLE IF EXISTS marts_build.{table}".encode())
                conn.execute(f"CREATE TABLE marts_build.{table} AS SELECT {NEW} AS value".encode())
            _result(conn, f"model.p.{table}", "success", runtime)
        _result(conn, "test.p.t", "pass", runtime)


def _result(conn: psycopg.Connection, unique_id: str, status: str, runtime: Runtime) -> None:
    conn.execute(
        "INSERT INTO ops.dbt_result (partition, run_id, unique_id, resource_type, status)"
        " VALUES (%s, %s, %s, split_part(%s, '.', 1), %s)",
        [DAY.isoformat(), runtime.attempt.run_id, unique_id, unique_id, status],
    )


def _reset_schemas(environment: Environment, *, drop_only: bool = False) -> None:
    """Set both schemas up as after an earlier publication whose retired tables have caught up."""
    with environment.superuser() as conn:
        conn.execute("DELETE FROM ops.publication; DELETE FROM ops.dbt_result; DROP FUNCTION IF EXISTS"
                     " ops.switch_without_rights()")  # fmt: skip
        for schema in (roles.MARTS, roles.MARTS_BUILD):
            for table in TABLES:
                conn.execute(f"DROP TABLE IF EXISTS {schema}.{table}".encode())
                if not drop_only:
                    conn.execute(
                        f"SET ROLE spotify_dbt; CREATE TABLE {schema}.{table} AS SELECT {OLD} AS value;"
                        " RESET ROLE".encode()
                    )
        conn.execute("GRANT USAGE ON SCHEMA marts TO spotify_reader")
        conn.execute("REVOKE USAGE ON SCHEMA marts_build FROM spotify_reader")
        if not drop_only:
            conn.execute(_WITHOUT_RIGHTS)
            conn.execute(
                "INSERT INTO ops.publication (partition, published_at, run_id, load_seq, tests_passed,"
                " switched_at) VALUES (%s, clock_timestamp(), 'earlier', %s, 1, clock_timestamp())",
                [DAY, OLD],
            )
