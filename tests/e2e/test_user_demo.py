"""Tests the demo with its default options: it loads a user's lists and plays, and can be repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spotify_stack.airflow_api import AirflowApi
from spotify_stack.demo import LISTENING
from spotify_stack.paths import FOLDER_VARIABLE, StackPaths
from spotify_stack.stack import Stack
from spotify_stack.state import load

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]
DAY = "2026-03-05"
OF_THE_USER = (
    "staging.playlists",
    "staging.playlist_membership",
    "staging.saved_tracks",
    "staging.top_tracks",
    "staging.top_artists",
    "staging.followed_artists",
    "staging.plays",
    "marts.dim_playlist",
    "marts.fct_playlist_entry",
    "marts.fct_saved_track",
    "marts.fct_top_track",
    "marts.fct_top_artist",
    "marts.fct_followed_artist",
    "marts.fct_play",
    "marts.mart_listening_daily",
)


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[StackPaths]:
    made = StackPaths(tmp_path / "stack")
    yield made
    Stack(made).down()


def demo(paths: StackPaths, output: Path) -> dict[str, Any]:
    """Run the demo of one day with the generated catalogue, and return its summary."""
    command = [str(Path(sys.executable).parent / "spotify-pipeline"), "demo", "--from", DAY, "--days", "1"]
    done = subprocess.run(  # noqa: S603 - our own command line
        [*command, "--output", str(output)],
        env=os.environ | {FOLDER_VARIABLE: str(paths.root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary: dict[str, Any] = json.loads((output / "summary.json").read_text())
    return summary


def test_a_demo_with_a_user_can_be_repeated(paths: StackPaths, tmp_path: Path) -> None:
    first = demo(paths, tmp_path / "first")
    assert {name: first["warehouse"][name]["rows"] > 0 for name in OF_THE_USER} == dict.fromkeys(
        OF_THE_USER, True
    )
    # ten of the catalogue and six of the user
    assert first["partitions"][0]["sources"] == 16
    with AirflowApi(load(paths).airflow_url) as api:
        paused = {dag["dag_id"] for dag in api.dags() if dag["is_paused"]}
    assert LISTENING in paused, "a scheduled run would load plays of other hours"

    second = demo(paths, tmp_path / "second")
    assert second["partitions"][0]["api_calls"] == 0
    assert second["warehouse"] == first["warehouse"]
    assert second["objects"] == first["objects"]
