"""Promise 9 for every table, including future ones: each role tries each kind of statement."""

from __future__ import annotations

import psycopg
import pytest

from spotify_pipeline.warehouse import roles
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration

VERBS = {
    "S": "SELECT FROM {table}",
    "I": "INSERT INTO {table} DEFAULT VALUES",
    "U": "UPDATE {table} SET {column} = {column} WHERE false",
    "D": "DELETE FROM {table} WHERE false",
    "T": "TRUNCATE {table}",
}
# what a role may do with the tables of a schema, except those of BY_TABLE
BY_SCHEMA = {
    roles.INGEST: {"staging": "SIU", "ops": "SIU", "landing": "SIUD"},
    roles.DBT: {"staging": "S", "ops": "", "landing": ""},
    roles.READER: {"staging": "", "ops": "", "landing": ""},
}
BY_TABLE = {
    roles.INGEST: {
        # tables whose rows a repeated load may delete: lists, and field profiles
        **dict.fromkeys(("staging.playlist_membership", "staging.top_tracks", "staging.top_artists"), "SIUD"),
        "ops.record_shape": "SIUD",
        "ops.load": "SI",
        # tables that other roles write
        **dict.fromkeys(("ops.alembic_version", "ops.dbt_result", "ops.erasure", "ops.maintenance_run"), "S"),
        **dict.fromkeys(("ops.contract_drift", "ops.removal"), "S"),
        "ops.listening_gap": "",
    },
    roles.DBT: {
        **dict.fromkeys(
            (
                "ops.load",
                "ops.reconciliation",
                "ops.source",
                "ops.removal",
                "ops.alembic_version",
                "ops.contract_drift",
            ),
            "S",
        ),
        "ops.dbt_result": "I",
    },
    roles.READER: dict.fromkeys(
        (
            "ops.publication",
            "ops.load",
            "ops.reconciliation",
            "ops.source",
            "ops.dbt_result",
            "ops.alembic_version",
            "ops.alert",
            "ops.contract_drift",
            "ops.listening_gap",
            "ops.maintenance_run",
        ),
        "S",
    ),
}


def tables(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    """Return schema, name and one column of every table and view."""
    return warehouse.rows(
        "SELECT n.nspname, format('%I.%I', n.nspname, c.relname), min(a.attname)"
        " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND a.attidentity = ''"
        " WHERE n.nspname IN ('staging', 'ops', 'landing') AND c.relkind IN ('r', 'p', 'v', 'm')"
        " GROUP BY 1, 2 ORDER BY 2"
    )


def allowed_verbs(conn: psycopg.Connection, table: str, column: str) -> str:
    """Return the verbs that the connection's role may use on a table."""
    found = ""
    for verb, statement in VERBS.items():
        try:
            with conn.transaction(force_rollback=True):
                conn.execute(statement.format(table=table, column=f'"{column}"').encode())
        except psycopg.errors.InsufficientPrivilege:
            continue
        except psycopg.Error as error:
            # any other error than these two comes after the check of rights: the verb is allowed
            if isinstance(
                error, (psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.WrongObjectType)
            ):
                continue
        found += verb
    return found


@pytest.mark.parametrize("role", [roles.INGEST, roles.DBT, roles.READER])
def test_promise_9_each_role_has_exactly_its_rights_on_tables(warehouse: Warehouse, role: str) -> None:
    with warehouse.connect(role) as conn:
        found = {
            table: (
                allowed_verbs(conn, table, column),
                BY_TABLE[role].get(table.replace('"', ""), BY_SCHEMA[role][schema]),
            )
            for schema, table, column in tables(warehouse)
        }
    assert len(found) > 35
    assert {table: verbs for table, (verbs, _) in found.items()} == {
        table: wanted for table, (_, wanted) in found.items()
    }


def test_the_owner_can_erase_from_every_table(warehouse: Warehouse) -> None:
    with warehouse.connect(roles.OWNER) as conn:
        for _, table, column in tables(warehouse):
            verbs = allowed_verbs(conn, table, column)
            assert "S" in verbs, table
            assert "D" in verbs or table in ("ops.contract_drift", "ops.listening_gap"), table
