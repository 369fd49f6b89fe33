"""Tests `spotify-pipeline psql`."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from typer.testing import CliRunner

from spotify_pipeline.cli import main as cli
from spotify_pipeline.cli import psql as psql_command
from spotify_pipeline.cli.postgres_programs import postgres_program
from spotify_pipeline.connections import ConnectionInfo

READER: dict[str, Any] = {
    "conn_type": "postgres",
    "host": "db.example.org",
    "port": 5433,
    "login": "spotify_reader",
    "password": "p@ss/wörd",
    "schema": "warehouse",
    "extra": {"sslmode": "require"},
}


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_READER", json.dumps(READER))


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.build(["psql"]), ["psql", *arguments])


def test_url_has_the_password_and_the_tls_options() -> None:
    assert run("--url").output == (
        "postgresql://spotify_reader:p%40ss%2Fw%C3%B6rd@db.example.org:5433/warehouse?sslmode=require\n"
    )


def test_an_ipv6_host_is_in_brackets() -> None:
    info = ConnectionInfo("warehouse_reader", host="::1", login="spotify_reader", schema="warehouse")
    assert (
        psql_command.warehouse_url(info, password=True) == "postgresql://spotify_reader@[::1]:5432/warehouse"
    )


def test_psql_gets_the_password_through_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    started: dict[str, Any] = {}

    def execute(program: str, arguments: list[str], environment: dict[str, str]) -> None:
        started.update(program=program, arguments=arguments, environment=environment)

    monkeypatch.setattr(os, "execvpe", execute)
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    assert run("--", "-c", "SELECT 1").exit_code == 0

    assert started["arguments"][1:3] == [
        "--dbname",
        "postgresql://spotify_reader@db.example.org:5433/warehouse?sslmode=require",
    ]
    assert started["arguments"][-2:] == ["-c", "SELECT 1"]
    assert started["environment"]["PGPASSWORD"] == READER["password"]
    assert "PGHOSTADDR" not in started["environment"]


def test_the_psql_of_the_embedded_stack_is_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert postgres_program("psql", "").endswith("bin/psql")


@pytest.mark.parametrize("arguments", [["-c", "x"], ["-Atc", "x"], ["--file=x.sql"], ["-qf", "x.sql"]])
@pytest.mark.parametrize("is_session", [True, False])
def test_a_script_is_pinned_before_its_first_statement(arguments: list[str], is_session: bool) -> None:
    found = psql_command.pinned(arguments, is_session=is_session)
    assert found[-len(arguments) :] == arguments
    assert any("pg_advisory_lock_shared" in part for part in found[: -len(arguments)])
    assert "-" not in found


@pytest.mark.parametrize("arguments", [[], ["-x"], ["-vformat=c"]])
def test_a_session_is_offered_the_pin(arguments: list[str]) -> None:
    found = psql_command.pinned(arguments, is_session=True)
    assert found[0] == "--variable"
    assert found[1].startswith("pin=BEGIN; ")
    assert found[2:] == arguments
    # statements that come through a pipe
    assert psql_command.pinned(arguments, is_session=False)[-len(arguments) - 2 :] == [
        "--file",
        "-",
        *arguments,
    ]
