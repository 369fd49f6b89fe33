"""A schedule of an upgrade: each call of a migration of a filled warehouse fails once, and is retried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import psycopg

from spotify_pipeline.connections import WAREHOUSE_OWNER, ConnectionInfo
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse.migrate import migrate
from spotify_pipeline.warehouse.revisions import head
from spotify_pipeline.warehouse.roles import bootstrap
from tests.faults.attempt import Prepare, attempt
from tests.faults.cell import RETRIES, Moment, of_outage
from tests.faults.driver import Step
from tests.faults.environment import DAY, PASSWORDS, Environment
from tests.faults.interpose import WAYS, Way
from tests.faults.oracle import Finding
from tests.faults.schedules import Outcome
from tests.integration.warehouse.any_row import insert_row, tables_of

OLDEST = "r0001"
# each part of the schema as text, with the number of rows of each table
_SCHEMA = """
SELECT 'column', format('%%s.%%s %%s %%s %%s %%s', table_schema, table_name, column_name, data_type,
    is_nullable, column_default) FROM information_schema.columns WHERE table_schema = ANY(%(schemas)s)
UNION ALL SELECT 'constraint', format('%%s %%s %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace::regnamespace::text = ANY(%(schemas)s)
UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = ANY(%(schemas)s)
UNION ALL SELECT 'rights', format('%%s %%s', oid::regclass, relacl) FROM pg_class
    WHERE relnamespace::regnamespace::text = ANY(%(schemas)s)
UNION ALL SELECT 'revision', version_num FROM ops.alembic_version
"""


def upgraded(
    environment: Environment,
    moments: Sequence[Moment],
    prepare: Prepare | None = None,
    *,
    ways: Sequence[Way] = WAYS,
    every: int = 1,
) -> Outcome:
    """Promise 3 for migrations: between a fault and its retry the old schema is whole, or the new one is."""
    databases = _Databases(environment)
    outcome = Outcome()
    try:
        databases.fill()
        old = databases.schema(databases.old)
        done = databases.migrate(prepare)
        if not done.is_done:
            return Outcome([Finding("errors", "migrate", f"{done.ended}: {done.error}")], 1)
        new = databases.schema(databases.case)
        for way in ways:
            for number in count(1, every):
                tried = databases.migrate(prepare, {number: way})
                if tried.failed_call is None:
                    break
                outcome.injected += 1
                where = f"migrate, call {number} ({tried.failed_call}) {way}"
                found = [*of_outage(tried), *_whole(databases.schema(databases.case), old, new)]
                for again in range(2, RETRIES + 2):
                    if not tried.is_done:
                        tried = databases.migrate(prepare, number=again)
                        outcome.seconds.append(tried.seconds)
                found += _whole(databases.schema(databases.case), new)
                outcome.findings += [replace(each, subject=f"{where}: {each.subject}") for each in found]
    finally:
        databases.drop()
    return outcome


class _Databases:
    """A filled warehouse of the oldest revision, and the copy of it that a case upgrades."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.old, self.case = f"{environment.name}_old", f"{environment.name}_case"

    def owner(self, name: str) -> ConnectionInfo:
        return replace(self._environment.owner, schema=name)

    def fill(self) -> None:
        """Create the old warehouse, with a row in each table."""
        bootstrap(self._environment.servers.postgres.url(), PASSWORDS, database=self.old)
        migrate(self.owner(self.old), OLDEST)
        with psycopg.connect(self._environment.servers.postgres.url(self.old)) as conn:
            for table in tables_of(conn):
                insert_row(conn, table)

    def migrate(
        self, prepare: Prepare | None, faults: Mapping[int, Way] | None = None, *, number: int = 1
    ) -> Any:
        """Upgrade the copy, which the first attempt makes anew."""
        if number == 1:
            with self._environment.administrator() as admin:
                admin.execute(f"DROP DATABASE IF EXISTS {self.case} WITH (FORCE)".encode())
                admin.execute(f"CREATE DATABASE {self.case} TEMPLATE {self.old}".encode())

        def work(runtime: Runtime, step: Step, carried: Mapping[str, Any]) -> str:
            return migrate(replace(runtime.lookup(WAREHOUSE_OWNER), schema=self.case))

        step = Step(DAY, "migrate")
        return attempt(self._environment, step, {}, number=number, faults=faults, prepare=prepare, work=work)

    def schema(self, name: str) -> set[tuple[str, str]]:
        """Return everything that a migration can change."""
        with psycopg.connect(self._environment.servers.postgres.url(name), autocommit=True) as conn:
            parts = set(conn.execute(_SCHEMA, {"schemas": ["staging", "ops", "landing"]}).fetchall())
            for table in tables_of(conn):
                row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
                parts.add(("rows", f"{table} {row}"))
        return parts

    def drop(self) -> None:
        with self._environment.administrator() as admin:
            for name in (self.old, self.case):
                admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _whole(schema: set[tuple[str, str]], *allowed: set[tuple[str, str]]) -> Iterator[Finding]:
    if schema not in allowed:
        different = sorted(schema ^ allowed[-1])[:3]
        yield Finding("schema", "the warehouse", f"is neither of them: {different}", wrong=1)
    elif ("revision", head()) not in allowed[-1]:
        yield Finding("schema", "the warehouse", f"is not at {head()} after an upgrade", wrong=1)
