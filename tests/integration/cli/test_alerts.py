"""Tests of `spotify-pipeline alerts` over a real warehouse, as the reader role."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.alerts.dispatch import dispatch
from spotify_pipeline.cli import main as cli
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.lake import Lake
from spotify_pipeline.warehouse import roles
from tests.integration.warehouse.warehouse_database import Warehouse

pytestmark = pytest.mark.integration


@pytest.fixture
def warehouse(migrated_database: str, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    made = Warehouse(migrated_database)
    reader = made.info(roles.READER)
    fields = {name: getattr(reader, name) for name in ("host", "port", "login", "password", "schema")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_READER", json.dumps(fields | {"conn_type": "postgres"}))
    return made


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli.build(["alerts"]), ["alerts", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def no_lake() -> Lake:
    raise ConnectionMissing("connection 'spotify_lake' is not defined")


def test_alerts_are_shown_newest_first_with_their_counts(warehouse: Warehouse) -> None:
    assert "there is no alert" in run()
    for title, partition in (("first", "2026-11-05"), ("second", "2026-11-06"), ("second", "2026-11-06")):
        alert = Alert(title, title, "it happened", "it means this", "do that", partition)
        dispatch(alert, [], warehouse=warehouse.info, lake=no_lake)
    shown = run()
    assert shown.index("2026-11-06: second") < shown.index("2026-11-05: first")
    assert "2 times until" in shown
    assert "What to do: do that" in shown
    assert "sent through no channel" in shown
    assert "second" not in run("--partition", "2026-11-05")
    [newest] = json.loads(run("--json", "--limit", "1"))
    assert (newest["cause"], newest["times_seen"]) == ("second", 2)
