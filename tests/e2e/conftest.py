"""Fixtures of the end-to-end tests: one stack for all of them, with a small catalogue of known content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from spotify_pipeline import connections
from spotify_pipeline.warehouse.checksum import TableChecksum, table_checksums
from spotify_pipeline.warehouse.connection import open_connection
from spotify_sandbox.control import SandboxControl
from spotify_stack import airflow_environment, demo_sources
from spotify_stack.airflow_api import AirflowApi
from spotify_stack.health import NotReady, wait_until
from spotify_stack.paths import FOLDER_VARIABLE, StackPaths
from spotify_stack.stack import Stack, Wanted
from spotify_stack.state import SandboxOptions, StackState
from spotify_stack.summary import lake

INGEST, TRANSFORM, REPORT = CHAIN = ("spotify_ingest", "spotify_transform", "spotify_report")
# dates of the sandbox's clock; neither is today
FIRST_DAY, SECOND_DAY = date(2021, 3, 1), date(2021, 3, 2)
ARTISTS, ALBUMS, TRACKS = 3, 2, 4
RUN_SECONDS = 500


def record_id(kind: str, number: int) -> str:
    return f"{kind}{number:0{22 - len(kind)}d}"


def write_catalogue(folder: Path, day: date, *, artists: int = ARTISTS) -> None:
    """Write a catalogue of artists with 2 albums each and 4 tracks on each album."""
    records: dict[str, list[dict[str, Any]]] = {"artists": [], "albums": [], "tracks": []}
    for a in range(artists):
        artist = record_id("artist", a)
        records["artists"].append(
            {"id": artist, "name": f"Artist {a}", "genres": ["test pop"], "popularity": 50, "followers": 10}
        )
        for b in range(a * ALBUMS, (a + 1) * ALBUMS):
            album = record_id("album", b)
            records["albums"].append(
                {
                    "id": album,
                    "name": f"Album {b}",
                    "artist_ids": [artist],
                    "release_date": "2020-05-01",
                    "release_date_precision": "day",
                    "total_tracks": TRACKS,
                    "image_url": None,
                }
            )
            records["tracks"] += [
                {
                    "id": record_id("track", b * TRACKS + t),
                    "name": f"Track {b * TRACKS + t}",
                    "album_id": album,
                    "artist_ids": [artist],
                    "track_number": t + 1,
                    "disc_number": 1,
                    "duration_ms": 180_000 + t,
                    "explicit": False,
                    "popularity": 40,
                }
                for t in range(TRACKS)
            ]
    target = folder / day.isoformat()
    target.mkdir(parents=True)
    for name, rows in records.items():
        (target / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@dataclass
class Running:
    """A running stack, and the actions that tests take on it."""

    stack: Stack
    state: StackState
    api: AirflowApi
    control: SandboxControl
    started_at: datetime

    def set_day(self, day: date) -> None:
        """Set the sandbox's clock to 06:00 of a day, and write what it serves then to sources.yml."""
        moment = f"{day.isoformat()}T06:00:00Z"
        self.control.set_clock(moment)
        self.state = replace(self.state, sandbox=replace(self.state.sandbox, clock=moment))
        self.state.save()
        demo_sources.write(self.state, demo_sources.of_sandbox(self.state))

    def environment(self) -> dict[str, str]:
        return airflow_environment.inherited() | airflow_environment.environment(self.state)

    def airflow(self, *arguments: str) -> str:
        """Run the `airflow` command line and return its output."""
        done = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ended(self, dag_id: str, run_id: str, *, timeout: float = RUN_SECONDS) -> dict[str, Any]:
        """Wait until a run has ended, and return it."""
        found: dict[str, Any] = {}

        def check() -> None:
            found.update(self.api.run(dag_id, run_id))
            if found["state"] not in {"success", "failed"}:
                raise NotReady(f"{dag_id} is {found['state']}")

        wait_until(check, timeout=timeout, what=f"{dag_id} {run_id}", poll=0.5)
        return found

    def next_run(self, dag_id: str, day: date, since: datetime, *, timeout: float = 60) -> dict[str, Any]:
        """Wait for the first run of a partition that was queued after `since` to end, and return it."""

        def check() -> None:
            if not self.api.runs(dag_id, day.isoformat(), queued_after=since):
                raise NotReady("there is no such run")

        wait_until(check, timeout=timeout, what=f"{dag_id} of {day}", poll=1)
        run = self.api.runs(dag_id, day.isoformat(), queued_after=since)[0]
        return self.ended(dag_id, run["dag_run_id"])

    def chain(self, day: date) -> None:
        """Ingest a day, and wait for the transform and the report that follow; all three must succeed."""
        self.set_day(day)
        since = datetime.now(UTC)
        run_id = self.api.trigger(INGEST, day.isoformat())
        assert self.ended(INGEST, run_id)["state"] == "success"
        for follows in (TRANSFORM, REPORT):
            assert self.next_run(follows, day, since)["state"] == "success"

    def demo(self, day: date, output: Path) -> dict[str, Any]:
        """Run the demo of one day on this stack and return its summary."""
        command = [str(Path(sys.executable).parent / "spotify-pipeline"), "demo", "--from", day.isoformat()]
        command += ["--days", "1", "--catalog", str(self.state.sandbox.catalog), "--output", str(output)]
        done = subprocess.run(  # noqa: S603 - our own command line
            command,
            env=os.environ | {FOLDER_VARIABLE: str(self.stack.paths.root)},
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        summary: dict[str, Any] = json.loads((output / "summary.json").read_text())
        return summary

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the state of each task by its id; meant for tasks that are not mapped."""
        return {task["task_id"]: task["state"] for task in self.api.tasks(dag_id, run_id)}

    def warehouse(self, conn_id: str = connections.WAREHOUSE_DBT) -> psycopg.Connection:
        environ = airflow_environment.connection_variables(self.state)
        return open_connection(connections.from_environment(conn_id, environ), autocommit=True)

    def documentation(self) -> dict[str, bytes]:
        """Return the files of dbt's documentation in the lake, by object key."""
        found = lake(self.state)
        return {key: found.get(key).data for key in found.keys("docs/")}

    def checksums(self) -> dict[str, TableChecksum]:
        with self.warehouse() as connection:
            return table_checksums(connection)


@pytest.fixture(scope="package")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    write_catalogue(folder, FIRST_DAY)
    write_catalogue(folder, SECOND_DAY, artists=ARTISTS + 1)
    return folder


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, catalogue: Path) -> Iterator[Running]:
    """Start a stack for these tests only, and stop it when they end."""
    paths = StackPaths(tmp_path_factory.mktemp("e2e") / "stack")
    stack = Stack(paths, report=lambda line: print(line, file=sys.stderr))
    started_at = datetime.now().astimezone()
    options = SandboxOptions("development", str(catalogue), f"{FIRST_DAY.isoformat()}T06:00:00Z")
    try:
        with pytest.MonkeyPatch.context() as environ:
            # one second, which every report exceeds: a missed deadline is seen without a long wait
            environ.setenv("SPOTIFY_PIPELINE_DEADLINE_REPORT", "1")
            # one date per span, so that the spans of two dates wait for each other
            environ.setenv("SPOTIFY_PIPELINE_SPARK_SPAN_DAYS", "1")
            environ.setenv("SPOTIFY_PIPELINE_SPARK_MASTER", "local[2,3]")
            state = stack.up(Wanted(options, own_app=""))
        with AirflowApi(state.airflow_url) as api, SandboxControl(state.sandbox_url) as control:
            yield Running(stack, state, api, control, started_at)
    finally:
        stack.down()


@pytest.fixture(scope="package")
def first_day(running: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the demo of the first day, whose data stays in the warehouse, and return its summary."""
    return running.demo(FIRST_DAY, tmp_path_factory.mktemp("first-day"))


@pytest.fixture(autouse=True, scope="package")
def _no_stack_of_the_user() -> Iterator[None]:
    """Keep commands that name no folder away from a stack that somebody uses."""
    before = os.environ.get("SPOTIFY_PIPELINE_STACK_DIR")
    os.environ["SPOTIFY_PIPELINE_STACK_DIR"] = "/nonexistent/stack-of-tests"
    yield
    if before is None:
        del os.environ["SPOTIFY_PIPELINE_STACK_DIR"]
    else:
        os.environ["SPOTIFY_PIPELINE_STACK_DIR"] = before
