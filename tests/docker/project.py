"""Starts the containers of `astro dev start`, by the Astro CLI if it is installed, else by `docker compose`.

Without the CLI, `docker compose` merges `tests/integration/astro/cli-services.yml`, which has the CLI's
services, with the project's `docker-compose.override.yml`, as the CLI does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.integration.astro.compose import CLI, OVERRIDE, ROOT

IMAGE = "spotify-pipeline/airflow:latest"
KEYS = Path(__file__).with_name("keys.yml")
NAME = "spotify-pipeline-test"
# enough for a build with nothing cached
COMMAND_SECONDS = 1800
# fields of airflow_settings.yaml, by their names in `airflow connections import`
FIELDS = {
    "conn_type": "conn_type",
    "conn_host": "host",
    "conn_port": "port",
    "conn_login": "login",
    "conn_password": "password",
    "conn_schema": "schema",
    "conn_extra": "extra",
}


def unavailable() -> str | None:
    """Return why no container can be started here, or None."""
    if shutil.which("docker") is None:
        return "there is no docker"
    for verb in ("info", "compose version"):
        done = subprocess.run(["docker", *verb.split()], capture_output=True, check=False)  # noqa: S603, S607
        if done.returncode:
            return f"`docker {verb}` fails"
    # the test removes the project's containers with all their data, so it starts only where there are none
    for listing in ("ps --all", "volume ls"):
        command = ["docker", *listing.split(), "--quiet", "--filter", "name=spotify-pipeline"]
        if subprocess.run(command, capture_output=True, check=True).stdout:  # noqa: S603
            return "the project has containers or volumes; `astro dev kill` removes them and their data"
    return None


@dataclass(frozen=True)
class Project:
    """The containers of the project. `astro` says whether the Astro CLI starts them."""

    astro: bool

    def start(self) -> None:
        """Build the image, start the containers and import the connections."""
        if self.astro:
            self._run("astro", "dev", "start", "--wait", "5m", "--no-proxy", "--no-browser")
            return
        self._run("docker", "build", "--tag", IMAGE, ".")
        self._compose("up", "--detach", "--no-build")
        self.run("scheduler", "sh", "-c", "cat > /tmp/connections.json", input=json.dumps(connections()))
        self.run("scheduler", "airflow", "connections", "import", "--overwrite", "/tmp/connections.json")  # noqa: S108

    def stop(self) -> None:
        """Stop the containers and keep their data."""
        self._run("astro", "dev", "stop") if self.astro else self._compose("down")

    def kill(self) -> None:
        """Remove the containers and their data."""
        self._run("astro", "dev", "kill") if self.astro else self._compose("down", "--volumes")

    def container(self, service: str) -> str:
        """Return the id of a service's container, which may have ended."""
        (found,) = self._run(
            "docker", "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.service={service}"
        ).split()
        return found

    def state(self, service: str) -> dict[str, Any]:
        """Return the output of `docker inspect` for a service's container."""
        (found,) = json.loads(self._run("docker", "inspect", self.container(service)))
        state: dict[str, Any] = found
        return state

    def run(self, service: str, *command: str, input: str | None = None) -> str:
        """Run a command in a service's container and return its output."""
        return self._run("docker", "exec", "--interactive", self.container(service), *command, input=input)

    def query(self, sql: str) -> str:
        """Return the rows of a query of the warehouse, columns separated by a comma."""
        psql = ("psql", "--username=warehouse_admin", "--dbname=warehouse", "--csv", "--tuples-only")
        return self.run("warehouse", *psql, "--command", sql)

    def _compose(self, *command: str) -> None:
        files = [f"--file={path}" for path in (CLI, OVERRIDE, KEYS)]
        self._run(
            "docker", "compose", f"--project-name={NAME}", f"--project-directory={ROOT}", *files, *command
        )

    def _run(self, *command: str, input: str | None = None) -> str:
        done = subprocess.run(  # noqa: S603 - our own command line
            command,
            cwd=ROOT,
            # BuildKit needs a plugin that Debian's package of Docker does not contain
            env={"DOCKER_BUILDKIT": "0"} | dict(os.environ),
            input=input,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout


def connections() -> dict[str, dict[str, Any]]:
    """Return the connections of airflow_settings.yaml, as `airflow connections import` reads them."""
    listed = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]["connections"]
    return {
        entry["conn_id"]: {FIELDS[key]: value for key, value in entry.items() if key in FIELDS}
        for entry in listed
    }
