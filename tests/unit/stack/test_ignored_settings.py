"""Tests which settings of a shell differ from those of a running stack, which ignores them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotify_stack.airflow_environment import LINEAGE_VARIABLE
from spotify_stack.paths import StackPaths
from spotify_stack.stack import Stack
from spotify_stack.state import SERVICE_VARIABLE, STACK_VARIABLE
from spotify_stack.supervision import SUPERVISOR

PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("SPOTIFY_PIPELINE_")}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Yield a stack whose supervisor was started without lineage."""
    paths = StackPaths(tmp_path)
    marks = {STACK_VARIABLE: str(tmp_path), SERVICE_VARIABLE: SUPERVISOR}
    process = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); import time; time.sleep(600)"],
        env=PLAIN | marks | {"SPOTIFY_PIPELINE_FETCH_TASKS": "4"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield Stack(paths)
    process.kill()
    process.wait()


def test_settings_that_differ_are_named(stack: Stack) -> None:
    same = PLAIN | {"SPOTIFY_PIPELINE_FETCH_TASKS": "4"}
    assert stack.ignored_settings(same) == []
    assert stack.ignored_settings(same | {LINEAGE_VARIABLE: "1"}) == [LINEAGE_VARIABLE]
    assert stack.ignored_settings(PLAIN | {"SPOTIFY_PIPELINE_FETCH_TASKS": "2"}) == [
        "SPOTIFY_PIPELINE_FETCH_TASKS"
    ]


def test_without_a_stack_nothing_is_ignored(tmp_path: Path) -> None:
    assert Stack(StackPaths(tmp_path / "none")).ignored_settings({LINEAGE_VARIABLE: "1"}) == []
