"""Tests that the pipeline works without the packages of the embedded stack and the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spotify_pipeline.cli.main import COMMANDS

SCRIPT = Path(__file__).with_name("production_install.py")
NEED_AN_EXTRA = {"demo", "up", "down", "reset", "dbt", "sandbox"}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, str(SCRIPT), *arguments],
        env=inherited | {"SPOTIFY_PIPELINE_STACK_DIR": str(folder), "AIRFLOW_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("what", ["modules", "dags"])
def test_code_imports_neither_stack_nor_sandbox(tmp_path: Path, what: str) -> None:
    done = run(tmp_path, what)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_every_other_command_loads(tmp_path: Path) -> None:
    names = sorted(set(COMMANDS) - NEED_AN_EXTRA)
    done = run(tmp_path, "help", *names)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage") == len(names)


@pytest.mark.parametrize("name", ["up", pytest.param("sandbox", marks=pytest.mark.slow)])
def test_a_command_of_an_extra_names_its_package(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "command", name)
    assert done.returncode == 1
    assert f"'{name}' needs package" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("replay", "--from=2026-11-20", "--to=2026-11-22"),
        pytest.param(("quarantine", "list"), marks=pytest.mark.slow),
        pytest.param(("contract", "drift"), marks=pytest.mark.slow),
    ],
)
def test_commands_name_the_connection_they_need(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, "command", *command)
    assert done.returncode == 1
    assert done.stderr.startswith("error: connection '"), done.stderr
    assert "is not defined" in done.stderr
