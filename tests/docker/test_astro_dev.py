"""Tests `astro dev start` with a Docker engine, from the build of the image to the removal of the data."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from spotify_stack.airflow_api import AirflowApi
from spotify_stack.health import NotReady, wait_until
from tests.docker.project import Project, unavailable

AIRFLOW = ("scheduler", "dag-processor", "triggerer", "api-server")
SERVERS = (*AIRFLOW, "postgres", "warehouse", "minio", "sandbox")
CHAIN = ("spotify_ingest", "spotify_transform", "spotify_report")
RUN_SECONDS = 1800
# partitions that no schedule starts
PAST = ("2021-03-01", "2021-03-02")
# rows of tables that a partition fills
COUNTS = """
select 'published', count(*) from ops.publication
union all select 'staging', count(*) from staging.tracks
union all select 'marts', count(*) from marts.dim_track
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    if why := unavailable():
        pytest.skip(f"no containers here: {why}")
    project = Project(astro=shutil.which("astro") is not None)
    project.start()
    yield project
    project.kill()


@pytest.fixture(scope="module")
def airflow(project: Project) -> Iterator[AirflowApi]:
    with AirflowApi("http://127.0.0.1:8080", patience=120) as api:
        yield api


def ingest(project: Project, airflow: AirflowApi, key: str) -> str:
    """Set the sandbox's clock to a date, start the ingest of that date, and return the run's id."""
    script = (
        "import json, urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8089/_sandbox/clock',"
        f" json.dumps({{'now': '{key}T06:00:00Z'}}).encode(), method='PUT'))"
    )
    project.run("sandbox", "python", "-c", script)
    return airflow.trigger("spotify_ingest", key)


def wait_for_chain(airflow: AirflowApi, key: str) -> None:
    """Wait until each DAG of the chain has a run of the partition that succeeded."""

    def check() -> None:
        for dag in CHAIN:
            states = [run["state"] for run in airflow.runs(dag, key)]
            assert "failed" not in states, f"{dag} of {key} failed"
            if "success" not in states:
                raise NotReady(f"{dag}: {states or 'no run'}")

    wait_until(check, timeout=RUN_SECONDS, what=f"the chain of {key}", poll=3)


def test_every_container_starts_once(project: Project) -> None:
    def check() -> None:
        for service in SERVERS:
            state = project.state(service)["State"]
            if state["Status"] != "running" or state.get("Health", {}).get("Status", "healthy") != "healthy":
                raise NotReady(f"{service}: {state['Status']}")

    wait_until(check, timeout=300, what="the containers")
    assert {service: project.state(service)["RestartCount"] for service in SERVERS} == dict.fromkeys(
        SERVERS, 0
    )
    ended = {
        service: project.state(service)["State"]["ExitCode"] for service in ("db-migration", "lake-bucket")
    }
    assert ended == {"db-migration": 0, "lake-bucket": 0}


def test_no_port_is_open_beyond_this_machine(project: Project) -> None:
    published = [
        binding["HostIp"]
        for service in SERVERS
        for bindings in project.state(service)["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    ]
    assert published
    assert set(published) == {"127.0.0.1"}


def test_today_reaches_the_report_by_itself(project: Project, airflow: AirflowApi) -> None:
    today = datetime.now(UTC).date().isoformat()
    wait_for_chain(airflow, today)
    counts = dict(line.split(",") for line in project.query(COUNTS).split())
    assert {table for table, count in counts.items() if int(count) == 0} == set()
    assert airflow.import_errors() == {}


def test_a_killed_scheduler_loses_nothing(project: Project, airflow: AirflowApi) -> None:
    run = ingest(project, airflow, PAST[0])

    def check() -> None:
        if airflow.count_tasks("spotify_ingest", run)[0] == 0:
            raise NotReady("no task has ended")

    wait_until(check, timeout=300, what="the first task")
    os.kill(project.state("scheduler")["State"]["Pid"], signal.SIGKILL)
    wait_for_chain(airflow, PAST[0])
    assert project.state("scheduler")["RestartCount"] == 1


def test_a_restart_keeps_data_and_connections(project: Project, airflow: AirflowApi) -> None:
    before = project.query(COUNTS)
    project.stop()
    project.start()
    assert project.query(COUNTS) == before
    # a read is repeated while Airflow starts, a trigger is not
    assert airflow.import_errors() == {}
    ingest(project, airflow, PAST[1])
    wait_for_chain(airflow, PAST[1])


def test_kill_removes_the_data(project: Project) -> None:
    project.kill()
    left = subprocess.run(
        ["docker", "volume", "ls", "--quiet", "--filter", "name=spotify-pipeline"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert left == ""
