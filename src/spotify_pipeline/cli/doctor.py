"""`spotify-pipeline doctor`: checks whether the pipeline can run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.cli.output import Json, print_json
from spotify_pipeline.connections import CONNECTION_IDS, variable_name
from spotify_pipeline.doctor import disk, ports, project_files, reach, user, versions
from spotify_pipeline.doctor.finding import Findings, guarded
from spotify_pipeline.settings import PROJECT_ROOT


class Way(StrEnum):
    """A way of running."""

    EMBEDDED = "embedded"
    DOCKER = "docker"
    CONNECTIONS = "connections"


def doctor(
    way: Annotated[
        Way | None,
        typer.Argument(help="Way of running to check. Default: each way that this machine is set up for."),
    ] = None,
    project: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of the project.")
    ] = PROJECT_ROOT,
    as_json: Json = False,
) -> None:
    """Find problems that would prevent a run. The exit status is 1 if there are any."""
    chosen = [way] if way else list(likely_ways())
    findings = list(chain.from_iterable(examine(each, project) for each in chosen))
    if as_json:
        print_json([asdict(finding) | {"ok": finding.ok} for finding in findings])
    else:
        for finding in findings:
            mark = "ok" if finding.ok else "wrong"
            typer.echo(f"{mark:6} {finding.problem or finding.subject}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def likely_ways() -> Iterator[Way]:
    """Yield the ways of running that this machine is set up for; the embedded one is always possible."""
    yield Way.EMBEDDED
    if shutil.which("astro"):
        yield Way.DOCKER
    if any(variable_name(conn_id) in os.environ for conn_id in CONNECTION_IDS):
        yield Way.CONNECTIONS


def examine(way: Way, project: Path) -> Findings:
    """Run all checks of one way of running; a check that cannot be made is a finding."""
    checks: dict[Way, dict[str, Callable[[], Findings]]] = {
        Way.EMBEDDED: {
            "Python": versions.check_python,
            "user": user.check_user,
            "disk": lambda: disk.check_disk(project),
        },
        Way.DOCKER: {
            "Docker": versions.check_docker,
            "Astro CLI": versions.check_astro,
            "image": lambda: versions.check_image(project / "Dockerfile"),
            "ports": lambda: ports.check_ports(project),
            "files for the containers": lambda: project_files.check_readable(project),
            ".env": lambda: project_files.check_env_file(project),
        },
        Way.CONNECTIONS: {
            "settings": reach.check_settings,
            "connections": reach.check_connections,
            "alerts": reach.check_alert_channels,
        },
    }
    for subject, check in checks[way].items():
        yield from guarded(subject, check)
