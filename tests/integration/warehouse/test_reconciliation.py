"""Tests of the rows of ops.reconciliation, and of `spotify-pipeline status`."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date, timedelta

import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from spotify_pipeline.cli.status import status
from spotify_pipeline.connections import WAREHOUSE_READER, variable_name
from spotify_pipeline.warehouse import roles
from spotify_pipeline.warehouse.publication import Publication, record_publication
from spotify_pipeline.warehouse.reconciliation import (
    Reconciliation,
    newest_partitions,
    record_reconciliation,
    totals,
)
from tests.integration.warehouse.warehouse_database import DAY, Warehouse

pytestmark = pytest.mark.integration


def reconcile(
    warehouse: Warehouse,
    partition: date,
    source: str,
    fetched: int,
    loaded: int,
    *,
    outcome: str = "complete",
) -> None:
    row = Reconciliation(
        partition=partition,
        source=source,
        record_kind="track",
        fetched=fetched,
        loaded=loaded,
        quarantined=1,
        duplicates=2,
        set_aside=3,
        complete=outcome == "complete",
        status=outcome,  # type: ignore[arg-type]
        message=None if outcome == "complete" else f"{source} [stopped]",
    )
    with warehouse.connect() as conn:
        record_reconciliation(conn, [row])


def call(warehouse: Warehouse | None, *options: str) -> Result:
    environment = {"SPOTIFY_PIPELINE_STACK_DIR": "/nonexistent/stack-of-tests", "COLUMNS": "200"}
    if warehouse is not None:
        fields = {k: v for k, v in asdict(warehouse.info(roles.READER)).items() if k != "conn_id"}
        environment[variable_name(WAREHOUSE_READER)] = json.dumps(fields)
    app = typer.Typer()
    app.command()(status)
    return CliRunner().invoke(app, list(options), env=environment)


def reconciled(**changes: object) -> Reconciliation:
    item = Reconciliation(DAY, "one", "track", 10, 7, 1, 1, 1, complete=True, status="complete")
    return replace(item, **changes)  # type: ignore[arg-type]


def test_a_newer_result_replaces_and_an_equal_one_writes_nothing(warehouse: Warehouse) -> None:
    def record(item: Reconciliation) -> list[tuple[object, ...]]:
        with warehouse.connect() as conn:
            record_reconciliation(conn, [item])
        return warehouse.rows("SELECT xmin::text, status, loaded, message FROM ops.reconciliation")

    first = record(reconciled())
    assert record(reconciled()) == first
    changed = record(reconciled(loaded=6, status="failed", message="1 is missing"))
    assert [row[1:] for row in changed] == [("failed", 6, "1 is missing")]


def test_counts_states_and_publications_of_newest_partitions(warehouse: Warehouse) -> None:
    for number in range(12):
        reconcile(warehouse, DAY + timedelta(days=number), "one", 16, 10)
    newest = DAY + timedelta(days=11)
    reconcile(warehouse, newest, "two", 11, 5, outcome="partial")
    reconcile(warehouse, newest, "three", 99, 5, outcome="failed")
    reconcile(warehouse, newest, "_details", 1006, 1000)
    with warehouse.connect() as conn:
        record_publication(conn, Publication(newest - timedelta(days=1), "run", 5, 70))
    with warehouse.connect(roles.READER) as conn:
        found = newest_partitions(conn)
    assert [progress.partition for progress in found] == [newest - timedelta(days=back) for back in range(10)]
    assert (found[0].complete, found[0].number("partial"), found[0].number("failed")) == (1, 1, 1)
    assert (found[0].fetched, found[0].loaded, found[0].quarantined) == (126, 20, 3)
    assert (found[0].adds_up, found[1].adds_up) == (False, True)
    assert (found[0].published_at, found[1].tests_passed) == (None, 70)
    assert found[0].unfinished["two"] == ("partial", "two [stopped]")


def test_totals_are_sums_over_the_named_sources(warehouse: Warehouse) -> None:
    for source in ("one", "two", "other"):
        reconcile(warehouse, DAY, source, 16, 10)
    with warehouse.connect() as conn:
        assert totals(conn, DAY, ["one", "two"]) == {
            "fetched": 32,
            "loaded": 20,
            "quarantined": 2,
            "duplicates": 4,
            "set_aside": 6,
        }
        assert set(totals(conn, DAY, []).values()) == {0}


def test_a_warehouse_that_was_never_migrated_has_no_partitions(bootstrapped: Warehouse) -> None:
    with psycopg.connect(bootstrapped.admin_url) as conn:
        assert newest_partitions(conn) == []


def test_status_prints_json(warehouse: Warehouse) -> None:
    reconcile(warehouse, DAY, "one", 16, 10)
    reconcile(warehouse, DAY, "two", 11, 5, outcome="partial")
    document = json.loads(call(warehouse, "--json").stdout)
    assert (document["ok"], document["stack"], document["failed"]) == (True, None, [])
    [progress] = document["partitions"]
    assert (progress["partition"], progress["fetched"]) == (DAY.isoformat(), 27)
    assert progress["unfinished"] == {"two": {"status": "partial", "reason": "two [stopped]"}}


def test_the_command_needs_no_stack(warehouse: Warehouse) -> None:
    assert "No partition was loaded yet." in call(warehouse).stdout
    reconcile(warehouse, DAY, "one", 16, 10)
    reconcile(warehouse, DAY, "two", 11, 5, outcome="failed")
    done = call(warehouse)
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if line.startswith(f"{DAY} "))
    assert " ".join(row.split()) == f"{DAY} 1 of 2 27 15 2 4 6 yes not yet"
    assert f"{DAY} two: failed: two [stopped]" in done.stdout


def test_the_command_fails_where_counts_do_not_add_up(warehouse: Warehouse) -> None:
    reconcile(warehouse, DAY, "one", 99, 10)
    assert call(warehouse).exit_code == 1


def test_without_stack_and_connection_status_says_how_to_start(warehouse: Warehouse) -> None:
    done = call(None)
    assert done.exit_code == 1
    assert "'make up' starts it" in done.stdout
