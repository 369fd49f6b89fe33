"""A whole small world without Airflow: warehouse, store, sandbox, and a sources.yml."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.lake import Lake
from spotify_pipeline.lake.validation_summary import ValidationSummary
from spotify_pipeline.settings import Settings
from spotify_pipeline.sources import load_sources
from spotify_pipeline.stages.clients import Clients
from spotify_pipeline.stages.details import DETAILS, details_source
from spotify_pipeline.stages.fetch import FetchOutcome, fetch_source
from spotify_pipeline.stages.group import SourceState
from spotify_pipeline.stages.load import load_source
from spotify_pipeline.stages.plan import plan, register
from spotify_pipeline.stages.reconcile import Verdict, reconcile
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.stages.validate import validate_source
from spotify_pipeline.warehouse.checksum import table_checksums
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.migrate import migrate
from spotify_pipeline.warehouse.roles import ROLES, bootstrap
from spotify_sandbox.testing import RunningSandbox, running
from spotify_stack.object_store import SeaweedServer

DAY = date(2026, 11, 22)
PASSWORDS = {role: f"{role}-of-tests" for role in ROLES}
_numbers = itertools.count(1)


@dataclass
class World:
    """Steps over real servers, one call each."""

    runtime: Runtime
    sandbox: RunningSandbox
    sources_file: Path

    @property
    def lake(self) -> Lake:
        return self.runtime.lake

    def list_sources(self, *entries: dict[str, object]) -> None:
        self.sources_file.write_text(yaml.safe_dump({"version": 1, "sources": list(entries)}))

    def go_to(self, day: date, time: str = "06:00:00") -> None:
        self.sandbox.control.set_clock(f"{day.isoformat()}T{time}Z")

    def fetch(self, name: str, day: date = DAY, *, tries_left: bool = True) -> FetchOutcome:
        source = next(s for s in load_sources(self.sources_file) if s.name == name)
        with Clients(self.runtime) as clients:
            return fetch_source(self.runtime, clients, day, source, tries_left=tries_left)

    def validate(self, name: str, day: date = DAY) -> ValidationSummary:
        return validate_source(self.lake, day, name)

    def load(self, name: str, day: date = DAY) -> SourceState:
        return load_source(self.runtime, day, name)

    def run(self, day: date = DAY) -> Verdict:
        """A whole run of a partition, source by source."""
        planned = plan(self.runtime, day)
        names = [name for group in planned.groups for name in group.sources]
        states = []
        for name in names:
            if planned.fetch:
                self.fetch(name, day)
            self.validate(name, day)
            states.append(self.load(name, day))
        register(self.runtime, planned)
        return reconcile(self.runtime, day, names, states)

    def run_details(self, day: date = DAY) -> SourceState:
        """The stage after the sources: what the detail queue holds."""
        with Clients(self.runtime) as clients:
            source = details_source(self.runtime, clients.app, day)
            assert source is not None
            fetch_source(self.runtime, clients, day, source)
        self.validate(DETAILS, day)
        return self.load(DETAILS, day)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with connect(self.runtime.lookup("warehouse_owner")) as conn:
            return conn.execute(statement.encode()).fetchall()

    def checksums(self) -> dict[str, object]:
        with connect(self.runtime.lookup("warehouse_owner")) as conn:
            return dict(table_checksums(conn, schemas=("staging",)))

    def objects(self, zone: str) -> dict[str, bytes]:
        return {key: self.lake.get(key).data for key in self.lake.keys(f"{zone}/")}


def connected(world: World, sandbox: RunningSandbox, app_class: str = "development") -> World:
    """The same world with another sandbox as Spotify."""
    lookup = world.runtime.lookup
    api = ConnectionInfo(
        "spotify_api",
        login=sandbox.client_id,
        password=sandbox.client_secret,
        extra={
            "api_url": sandbox.api_url,
            "accounts_url": sandbox.accounts_url,
            "app_class": app_class,
        },
    )
    runtime = Runtime(
        settings=world.runtime.settings,
        lookup=lambda conn_id: api if conn_id == "spotify_api" else lookup(conn_id),
        attempt=world.runtime.attempt,
    )
    return replace(world, runtime=runtime, sandbox=sandbox)


@pytest.fixture(scope="session")
def session_sandbox() -> Iterator[RunningSandbox]:
    with running(size=300) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(session_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    control = session_sandbox.control
    control.set_clock(f"{DAY.isoformat()}T06:00:00Z", frozen=False)
    control.clear_faults()
    control.reset_calls()
    yield session_sandbox
    control.clear_faults()


@pytest.fixture
def world(empty_database: str, s3_server: SeaweedServer, sandbox: RunningSandbox, tmp_path: Path) -> World:
    address = urlsplit(empty_database)
    database = address.path.lstrip("/")
    bootstrap(empty_database, PASSWORDS, database=database)

    def warehouse(conn_id: str, role: str) -> ConnectionInfo:
        return ConnectionInfo(
            conn_id, "postgres", address.hostname, address.port, role, PASSWORDS[role], database
        )

    connections = {
        "spotify_api": ConnectionInfo(
            "spotify_api",
            login=sandbox.client_id,
            password=sandbox.client_secret,
            extra={"api_url": sandbox.api_url, "accounts_url": sandbox.accounts_url},
        ),
        "spotify_lake": ConnectionInfo(
            "spotify_lake",
            host="127.0.0.1",
            port=s3_server.port,
            login=s3_server.access_key,
            password=s3_server.secret_key,
            schema=f"lake-{next(_numbers)}",
        ),
        "warehouse_owner": warehouse("warehouse_owner", "spotify_owner"),
        "warehouse_ingest": warehouse("warehouse_ingest", "spotify_ingest"),
        "warehouse_dbt": warehouse("warehouse_dbt", "spotify_dbt"),
        "warehouse_reader": warehouse("warehouse_reader", "spotify_reader"),
    }

    def lookup(conn_id: str) -> ConnectionInfo:
        if conn_id not in connections:
            raise ConnectionMissing(f"connection '{conn_id}' is not defined")
        return connections[conn_id]

    migrate(connections["warehouse_owner"])
    sources_file = tmp_path / "sources.yml"
    runtime = Runtime(
        settings=Settings(sources=sources_file, login_file=tmp_path / "login.json"),
        lookup=lookup,
        attempt=Attempt("test", 1),
    )
    Lake(connections["spotify_lake"]).create_bucket()
    made = World(runtime, sandbox, sources_file)
    artists = [artist_id for artist_id, _ in sandbox.control.catalog().artists]
    made.list_sources(
        {"name": "first", "kind": "artist", "ids": artists[:3]},
        {"name": "second", "kind": "artist", "ids": artists[2:5]},
    )
    return made
