"""Tests that all statements of one psql call read the same publication."""

from __future__ import annotations

import subprocess

import pytest

from spotify_pipeline.cli.postgres_programs import postgres_program
from spotify_pipeline.cli.psql import pinned, warehouse_url
from tests.integration.pipeline import Pipeline

pytestmark = pytest.mark.integration
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


def psql(pipeline: Pipeline, *arguments: str, stdin: str = "", is_session: bool = False) -> str:
    address = warehouse_url(pipeline.runtime.reader, password=True)
    return subprocess.run(  # noqa: S603 - our own command line
        [postgres_program("psql", ""), "-X", "--dbname", address, *pinned(arguments, is_session=is_session)],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_a_script_holds_the_pin_and_prints_only_its_results(pipeline: Pipeline) -> None:
    assert psql(pipeline, "-Atc", LOCKS) == "1\n"
    assert psql(pipeline, "-At", stdin=f"{LOCKS};\n{LOCKS};") == "1\n1\n"
    assert psql(pipeline, "-q", "-At", "-c", LOCKS) == "1\n"


def test_a_session_pins_with_the_variable_pin(pipeline: Pipeline) -> None:
    assert psql(pipeline, "-At", stdin=f"{LOCKS};\n:pin\n{LOCKS};", is_session=True) == "0\nBEGIN\n1\n"
