"""`spotify-pipeline doctor`: find what would keep the pipeline from running."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.connections import CONNECTION_IDS, variable_name
from spotify_pipeline.doctor import disk, ports, project_files, reach, versions
from spotify_pipeline.doctor.finding import Findings
from spotify_pipeline.settings import PROJECT_ROOT


class Way(StrEnum):
    """A way of running."""

    EMBEDDED = "embedded"
    DOCKER = "docker"
    CONNECTIONS = "connections"


def doctor(
    way: Annotated[
        Way | None,
        typer.Argument(help="Way of running to check; default: those that this machine is set up for."),
    ] = None,
    project: Annotated[Path, typer.Option(file_okay=False, help="Folder of the project.")] = PROJECT_ROOT,
) -> None:
    """Find what would keep the pipeline from running. The exit status is 1 if something is wrong."""
    chosen = [way] if way else list(likely_ways())
    findings = list(chain.from_iterable(examine(each, project) for each in chosen))
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
    """Run all checks of one way of running."""
    if way is Way.EMBEDDED:
        yield from versions.check_python()
        yield from disk.check_disk(project)
    elif way is Way.DOCKER:
        yield from versions.check_docker()
        yield from versions.check_astro()
        yield from versions.check_image(project / "Dockerfile")
        yield from ports.check_ports(project)
        yield from project_files.check_readable(project)
        yield from project_files.check_env_file(project)
    else:
        yield from reach.check_settings()
        yield from reach.check_connections()
        yield from reach.check_alert_channels()
