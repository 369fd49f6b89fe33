"""Command line of the doctor."""

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
from spotify_pipeline.doctor import ports, reach, versions
from spotify_pipeline.doctor.finding import Finding, Findings
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.bootstrap import nearly_full


class Way(StrEnum):
    """A way of running."""

    EMBEDDED = "embedded"
    DOCKER = "docker"
    CONNECTIONS = "connections"


def doctor(
    way: Annotated[
        Way | None,
        typer.Argument(help="what to look at; without it, all that this machine seems to be meant for"),
    ] = None,
    project: Annotated[Path, typer.Option(file_okay=False, help="the project's folder")] = PROJECT_ROOT,
) -> None:
    """Look for what would keep the pipeline from running; exit status 1 when something is wrong."""
    chosen = [way] if way else list(likely_ways())
    findings = list(chain.from_iterable(examine(each, project) for each in chosen))
    for finding in findings:
        mark = "ok" if finding.well else "wrong"
        typer.echo(f"{mark:6} {finding.problem or finding.subject}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def likely_ways() -> Iterator[Way]:
    """Ways of running that this machine has something of; the embedded one everywhere."""
    yield Way.EMBEDDED
    if shutil.which("astro"):
        yield Way.DOCKER
    if any(variable_name(conn_id) in os.environ for conn_id in CONNECTION_IDS):
        yield Way.CONNECTIONS


def examine(way: Way, project: Path) -> Findings:
    """All checks of one way of running."""
    if way is Way.EMBEDDED:
        yield from versions.check_python()
        yield Finding("disk", nearly_full(project) or "")
    elif way is Way.DOCKER:
        yield from versions.check_docker()
        yield from versions.check_astro()
        yield from versions.check_image(project / "Dockerfile")
        yield from ports.check_ports(project / "docker-compose.override.yml")
    else:
        yield from reach.check_settings()
        yield from reach.check_connections()
        yield from reach.check_alert_channels()
