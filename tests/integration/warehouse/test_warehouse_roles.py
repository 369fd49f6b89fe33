"""Promise 9: each role can do its own job only."""

from __future__ import annotations

import os
import subprocess
from importlib.resources import files
from urllib.parse import urlsplit

import psycopg
import pytest

from spotify_pipeline.errors import ConfigurationError, WarehouseUnavailable
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.migrate import migrate
from spotify_stack.postgres import binaries
from tests.integration.databases import PASSWORDS
from tests.integration.warehouse.role_statements import ALLOWED, FORBIDDEN
from tests.integration.warehouse.warehouse_database import Warehouse, artist, track

pytestmark = pytest.mark.integration


@pytest.fixture
def with_models(warehouse: Warehouse) -> Warehouse:
    """A warehouse as after a dbt run, with tables that spotify_dbt has created."""
    with warehouse.connect(roles.DBT) as conn:
        conn.execute("CREATE TABLE marts.probe (a int)")
        conn.execute("CREATE TABLE marts_build.probe (a int)")
        conn.execute("CREATE TABLE intermediate.probe (a int)")
    return warehouse


@pytest.mark.parametrize("role", roles.ROLES)
def test_promise_9_each_role_is_refused_what_is_not_its_job(with_models: Warehouse, role: str) -> None:
    with with_models.connect(role) as conn:
        for statement in FORBIDDEN[role]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(statement)


@pytest.mark.parametrize("role", roles.ROLES)
def test_each_role_can_do_its_job(with_models: Warehouse, role: str) -> None:
    with with_models.connect(role) as conn:
        for statement in ALLOWED[role]:
            with conn.transaction(force_rollback=True):
                conn.execute(statement)


def test_dbt_can_read_what_ingest_has_loaded(warehouse: Warehouse) -> None:
    warehouse.load([track(), artist()])
    with warehouse.connect(roles.DBT) as conn:
        assert conn.execute("SELECT name FROM staging.tracks").fetchall() == [("Name",)]


def test_tables_of_later_migrations_are_granted_by_default(warehouse: Warehouse) -> None:
    with warehouse.connect(roles.OWNER) as conn:
        conn.execute("CREATE TABLE staging.later (a int)")
    with warehouse.connect() as conn:
        conn.execute("INSERT INTO staging.later VALUES (1)")
    with warehouse.connect(roles.DBT) as conn:
        assert conn.execute("SELECT a FROM staging.later").fetchone() == (1,)


def test_the_roles_have_no_special_rights_and_there_is_no_other(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
        " rolcanlogin"
        " FROM pg_roles WHERE rolname LIKE 'spotify%' ORDER BY 1"
    )
    logins = [(role, False, True) for role in roles.ROLES]
    assert found == sorted([*logins, ("spotify_publisher", False, False)])
    assert warehouse.row(
        "SELECT has_database_privilege('public', current_database(), 'CONNECT'),"
        " has_schema_privilege('public', 'public', 'CREATE')"
    ) == (False, False)


def test_a_second_bootstrap_changes_only_passwords(with_models: Warehouse) -> None:
    with_models.load([track()])
    roles.bootstrap(
        with_models.admin_url, PASSWORDS | {roles.READER: "changed"}, database=with_models.database
    )
    with pytest.raises(ConfigurationError, match="refuses spotify_reader"):
        with_models.connect(roles.READER)
    roles.bootstrap(with_models.admin_url, PASSWORDS, database=with_models.database)
    with with_models.connect(roles.READER) as conn:
        conn.execute("SELECT * FROM marts.probe")
    assert with_models.row("SELECT count(*) FROM staging.tracks") == (1,)


def test_bootstrap_creates_the_database_without_plain_passwords(
    empty_database: str, bootstrapped: Warehouse
) -> None:
    name = f"{bootstrapped.database}_made"
    try:
        roles.bootstrap(empty_database, PASSWORDS, database=name)
        migrate(Warehouse(empty_database.replace(bootstrapped.database, name)).info(roles.OWNER))
    finally:
        with psycopg.connect(empty_database, autocommit=True) as conn:
            conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    stored = bootstrapped.row("SELECT rolpassword FROM pg_authid WHERE rolname = 'spotify_dbt'")[0]
    assert stored.startswith("SCRAM-SHA-256$")


def test_the_error_of_bootstrap_names_roles_without_a_password(empty_database: str) -> None:
    with pytest.raises(ConfigurationError, match="no password for spotify_dbt, spotify_reader"):
        roles.bootstrap(empty_database, {roles.OWNER: "a", roles.INGEST: "b", roles.DBT: ""})


def test_bootstrap_of_an_unreachable_server_is_an_error() -> None:
    with pytest.raises(WarehouseUnavailable, match="cannot be reached as administrator"):
        roles.bootstrap("postgresql://postgres:secret@127.0.0.1:1/postgres", PASSWORDS)


def test_the_shell_script_creates_the_same_roles(empty_database: str) -> None:
    parts = urlsplit(empty_database)
    package = files("spotify_pipeline.warehouse")
    environment = {
        "PATH": f"{binaries()}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": str(parts.hostname),
        "PGPORT": str(parts.port),
        "PGPASSWORD": str(parts.password),
        "POSTGRES_USER": str(parts.username),
        "POSTGRES_DB": parts.path.lstrip("/"),
        "BOOTSTRAP_SQL": str(package / "bootstrap.sql"),
    } | {f"{role.upper()}_PASSWORD": password for role, password in PASSWORDS.items()}
    script = ["/bin/sh", str(package / "bootstrap.sh")]
    subprocess.run(script, env=environment, check=True, timeout=60)  # noqa: S603 - the package's own script
    warehouse = Warehouse(empty_database)
    assert migrate(warehouse.info(roles.OWNER))
    warehouse.load([track()])
