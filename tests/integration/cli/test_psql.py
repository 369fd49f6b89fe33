"""The statements of one call of psql read one publication."""

from __future__ import annotations

import subprocess

import pytest

from spotify_pipeline.cli.postgres_programs import postgres_program
from spotify_pipeline.cli.psql import pinned, warehouse_url
from tests.integration.pipeline import Pipeline

pytestmark = pytest.mark.integration
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


def psql(pipeline: Pipeline, *arguments: str, typed: str = "", is_session: bool = False) -> str:
    address = warehouse_url(pipeline.runtime.reader, password=True)
    return subprocess.run(  # noqa: S603 - our own command line
        [postgres_program("psql", ""), "-X", "--dbname", address, *pinned(arguments, is_session=is_session)],
        input=typed,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_a_script_holds_the_pin_and_shows_its_own_results_only(pipeline: Pipeline) -> None:
    assert psql(pipeline, "-Atc", LOCKS) == "1\n"
    assert psql(pipeline, "-At", typed=f"{LOCKS};\n{LOCKS};") == "1\n1\n"
    assert psql(pipeline, "-q", "-At", "-c", LOCKS) == "1\n"


def test_a_session_pins_by_a_variable(pipeline: Pipeline) -> None:
    assert psql(pipeline, "-At", typed=f"{LOCKS};\n:pin\n{LOCKS};", is_session=True) == "0\nBEGIN\n1\n"
