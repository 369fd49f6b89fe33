"""Runs the same days without faults, step by step, in a second warehouse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from spotify_pipeline import connections
from spotify_pipeline.cli import dbt as dbt_command
from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.lake import Lake
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Runtime
from spotify_pipeline.warehouse import migrate, roles
from spotify_stack import airflow_environment, services
from tests.e2e.conftest import Running
from tests.faults.driver import LISTENING, perform, steps_of
from tests.faults.oracle import Finding, State, capture, differences

DATABASE, BUCKET = "undisturbed", "undisturbed"
SCHEMAS = ("staging", "marts")


@dataclass
class Undisturbed:
    """A second warehouse and bucket on the stack's own servers; no Airflow."""

    running: Running

    @cached_property
    def connections(self) -> dict[str, ConnectionInfo]:
        """Return the stack's connections, with another database and bucket."""
        environ = airflow_environment.connection_variables(self.running.state)
        found = {name: connections.from_environment(name, environ) for name in connections.CONNECTION_IDS}
        for name, info in found.items():
            if name.startswith("warehouse"):
                found[name] = replace(info, schema=DATABASE)
        found["spotify_lake"] = replace(found["spotify_lake"], schema=BUCKET)
        return found

    def create(self) -> None:
        """Create the database and the bucket unless they exist."""
        state = self.running.state
        passwords = {
            role: state.secrets[secret] for role, secret in airflow_environment.WAREHOUSE_LOGINS.values()
        }
        roles.bootstrap(services.warehouse_postgres(state).url(), passwords, database=DATABASE)
        migrate.migrate(self.connections[connections.WAREHOUSE_OWNER])
        Lake(self.connections["spotify_lake"]).create_bucket()

    def run(self, days: Sequence[date]) -> None:
        """Run all steps of each day, then all of dbt."""
        for day in days:
            self.running.set_day(day)
            settings = Settings(sources=self.running.state.paths.sources)
            runtime = Runtime(settings=settings, lookup=self.connections.__getitem__)
            carried: dict[str, Any] = {}
            names = tuple(perform(runtime, steps_of(day, ())[0], carried))
            for step in steps_of(day, names):
                if step.source != LISTENING:
                    carried[step.key] = perform(runtime, step, carried)
        self._dbt()

    def findings(self) -> list[Finding]:
        """Return where the stack's tables differ from these."""
        return differences(self._captured(DATABASE), self._captured(airflow_environment.WAREHOUSE_DATABASE))

    def _captured(self, database: str) -> State:
        owner = self.connections[connections.WAREHOUSE_DBT]
        return capture(replace(owner, schema=database), None, schemas=SCHEMAS)

    def _dbt(self) -> None:
        info = self.connections[connections.WAREHOUSE_DBT]
        environment = dbt_command.environment(self.running.state) | {
            "WAREHOUSE_HOST": str(info.host),
            "WAREHOUSE_PORT": str(info.port),
            "WAREHOUSE_USER": str(info.login),
            "WAREHOUSE_DATABASE": DATABASE,
            "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": str(info.password),
            "DBT_TARGET_PATH": str(self.running.state.paths.root / "undisturbed-target"),
        }
        done = subprocess.run(  # noqa: S603 - our own command line
            [str(Path(sys.executable).parent / "dbt"), "--no-use-colors", "build"],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-3000:]
