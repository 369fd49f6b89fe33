"""Prepares databases and folders before Airflow starts. Every function can be called again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from spotify_pipeline import connections
from spotify_pipeline.errors import ConfigurationError, PipelineError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_pipeline.spotify.account_ids import AccountKey
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.erasures import receipts
from spotify_stack import airflow_environment, demo_sources, services
from spotify_stack.dbt_manifest import build_manifest
from spotify_stack.paths import StackPaths
from spotify_stack.state import SERVICE_VARIABLE, STACK_VARIABLE, StackState

MIGRATION_SECONDS = 300
EXAMPLE_SOURCES = PROJECT_ROOT / "include" / "sources.yml"
# git ignores it
LOCAL_SOURCES = PROJECT_ROOT / "include" / "sources.local.yml"


def data_folders(state: StackState) -> None:
    """Create the data folders of both Postgres servers.

    Raises:
        ConfigurationError: initdb failed.
    """
    with ThreadPoolExecutor(2) as pool:
        servers = (services.metadata_postgres(state), services.warehouse_postgres(state))
        for result in [pool.submit(server.initialise) for server in servers]:
            result.result()


def warehouse(state: StackState) -> None:
    """Create the warehouse's roles and schemas, and migrate its tables.

    Raises:
        PipelineError: the server cannot be reached, or holds a newer schema.
    """
    passwords = {
        role: state.secrets[secret] for role, secret in airflow_environment.WAREHOUSE_LOGINS.values()
    }
    admin = services.warehouse_postgres(state).url()
    roles.bootstrap(admin, passwords, database=airflow_environment.WAREHOUSE_DATABASE)
    environ = airflow_environment.connection_variables(state)
    from spotify_pipeline.warehouse.migrate import migrate  # noqa: PLC0415 - imports Alembic, which is slow

    migrate(connections.from_environment(connections.WAREHOUSE_OWNER, environ))


def listener(state: StackState) -> StackState:
    """Return the state with a logged-in user of the sandbox whose data was never erased.

    The pipeline reads nothing for an erased user before a newer login, so the next user takes over.

    Raises:
        PipelineError: the warehouse cannot be used.
    """
    if state.user_token is None:
        return state
    environ = airflow_environment.connection_variables(state)
    owner = connections.from_environment(connections.WAREHOUSE_OWNER, environ)
    with connect(owner, autocommit=True) as connection:
        erased = {receipt.user_hash for receipt in receipts(connection)}
    chosen = state
    key = AccountKey(state.secrets["spotify_account_key"])
    while key.user_hash(chosen.sandbox_user) in erased:
        chosen = replace(chosen, listener=chosen.listener + 1, made_on=datetime.now(UTC).date().isoformat())
    if chosen.listener != state.listener:
        chosen.save()
    return chosen


def metadata(state: StackState) -> None:
    """Create Airflow's database, and migrate it to the installed version.

    Raises:
        PipelineError: `airflow db migrate` failed; the message names its log.
    """
    user, database = airflow_environment.METADATA_USER, airflow_environment.METADATA_DATABASE
    password = state.secrets["metadata_airflow"]
    with psycopg.connect(services.metadata_postgres(state).url(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
        verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(verifier.decode()))
        )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(user))
            )
    airflow = airflow_environment.environment(state)
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    run_tool(state, "airflow-db-migrate", command, environment=airflow)


def manifest(state: StackState) -> None:
    """Write dbt's manifest, which the DAG reads, if the dbt project is newer.

    Raises:
        PipelineError: `dbt parse` failed; the message names its log.
    """
    # without the address of the warehouse: dbt would parse again for every other port
    build_manifest(lambda command: run_tool(state, "dbt-parse", command, environment={}))


def own_sources(paths: StackPaths, chosen: Path | None) -> Path:
    """Return the list of sources for an app of the user's own.

    Args:
        paths: The stack.
        chosen: List to use; None for that of the previous start, else include/sources.local.yml.

    Raises:
        ConfigurationError: there is no list. The examples are not used, because they would cost calls.
    """
    if chosen is not None:
        return chosen
    if paths.sources.is_symlink() and paths.sources.exists():
        return paths.sources.resolve()
    if LOCAL_SOURCES.exists():
        return LOCAL_SOURCES
    raise ConfigurationError(
        f"your own app needs your own list of sources: copy {EXAMPLE_SOURCES} to {LOCAL_SOURCES.name} in the "
        "same folder, edit it, and start again; or name a list with --sources"
    )


def sources(state: StackState, chosen: Path | None, *, rewrite: bool = False) -> None:
    """Create the stack's sources.yml.

    With `chosen` it is a link to that list, so that the next run sees an edit. Otherwise it lists what the
    sandbox serves, written here or by the demo.

    Args:
        state: The stack.
        chosen: List to use, or None.
        rewrite: Whether the sandbox serves another catalogue than before.
    """
    target = state.paths.sources
    if chosen is None:
        if rewrite or target.is_symlink() or not target.exists():
            demo_sources.write(state, demo_sources.of_sandbox(state))
        return
    link = target.with_name(f".{target.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(chosen.resolve())
    link.replace(target)


def run_tool(state: StackState, name: str, command: list[str], *, environment: Mapping[str, str]) -> None:
    """Run a command as a process of the stack, with a log of its own.

    Raises:
        PipelineError: it failed, or took longer than five minutes; the message names the log.
    """
    log = state.paths.log(name)
    marks = {STACK_VARIABLE: str(state.paths.root), SERVICE_VARIABLE: name}
    with log.open("wb") as output:
        try:
            done = subprocess.run(  # noqa: S603 - our own command line
                command,
                env=airflow_environment.inherited() | dict(environment) | marks,
                cwd=state.paths.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                timeout=MIGRATION_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise PipelineError(f"{name} did not end within {MIGRATION_SECONDS} s: see {log}") from None
    if done.returncode != 0:
        raise PipelineError(f"{name} ended with status {done.returncode}: see {log}")
