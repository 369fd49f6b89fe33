"""Fixtures of a small pipeline without Airflow: warehouse, store, sandbox, and a sources.yml."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.lake import Lake
from spotify_pipeline.settings import Settings
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.warehouse import roles
from spotify_sandbox.testing import RunningSandbox, running
from spotify_stack.object_store import SeaweedServer
from spotify_stack.postgres import PostgresServer
from tests.accounts import KEY_CONNECTION
from tests.integration import databases
from tests.integration.pipeline import DAY, Pipeline
from tests.integration.snapshots import Snapshots

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated warehouse without rows, which tests copy."""
    name = "migrated"
    databases.create_migrated(postgres_server, name)
    return name


@pytest.fixture
def migrated_database(
    postgres_server: PostgresServer, migrated_template: str, database_numbers: Iterator[int]
) -> Iterator[str]:
    """The superuser's URL of a migrated warehouse without rows, which is dropped after the test."""
    name = f"warehouse_{next(database_numbers)}"
    databases.copy(postgres_server, migrated_template, name)
    yield postgres_server.url(name)
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def snapshots(postgres_server: PostgresServer) -> Snapshots:
    return Snapshots(postgres_server)


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
def pipeline(
    migrated_database: str, s3_server: SeaweedServer, sandbox: RunningSandbox, tmp_path: Path
) -> Pipeline:
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
        "spotify_account_key": KEY_CONNECTION,
    }
    for role in roles.ROLES:
        info = databases.login(migrated_database, role)
        connections[info.conn_id] = info

    def lookup(conn_id: str) -> ConnectionInfo:
        if conn_id not in connections:
            raise ConnectionMissing(f"connection '{conn_id}' is not defined")
        return connections[conn_id]

    sources_file = tmp_path / "sources.yml"
    runtime = Runtime(
        settings=Settings(sources=sources_file, login_file=tmp_path / "login.json"),
        lookup=lookup,
        attempt=Attempt("test", 1),
    )
    Lake(connections["spotify_lake"]).create_bucket()
    made = Pipeline(runtime, sandbox, sources_file)
    artists = [artist_id for artist_id, _ in sandbox.control.catalog().artists]
    # one with two pages of albums, and some with one album: each album costs a call, an object and a record
    made.list_sources(
        {"name": "first", "kind": "artist", "ids": [artists[8], *artists[20:22]]},
        {"name": "second", "kind": "artist", "ids": artists[21:24]},
    )
    return made
