"""Ports that `astro dev start` publishes on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from spotify_pipeline.doctor.finding import Finding, Findings

# service of the Astro CLI -> its port, and the command that moves it
OF_CLI = {
    "Airflow": (8080, "astro config set api-server.port 8081"),
    "Airflow's database": (5432, "astro config set postgres.port 5435"),
}
PUBLISHED = re.compile(r'"127\.0\.0\.1:\$\{(?P<name>[A-Z_]+):-(?P<default>\d+)\}:\d+"')


def check_ports(
    override: Path, is_free: Callable[[int], bool], environ: Mapping[str, str] | None = None
) -> Findings:
    """Check that each published port is free, or is moved by its variable to a free port.

    Args:
        override: docker-compose.override.yml.
        is_free: Whether a server could listen on this port of 127.0.0.1.
        environ: Environment variables; by default those of this process.
    """
    given = os.environ if environ is None else environ
    for what, (port, way_out) in OF_CLI.items():
        yield _finding(what, port, f"`{way_out}`", is_free)
    try:
        text = override.read_text()
    except OSError:
        yield Finding("ports", f"{override} cannot be read: run this in the project's folder")
        return
    for match in PUBLISHED.finditer(text):
        name, chosen = match["name"], given.get(match["name"]) or match["default"]
        what = name.removeprefix("SPOTIFY_").removesuffix("_PORT").lower().replace("_", " ")
        if not chosen.isdigit() or not 0 < int(chosen) < 65_536:
            yield Finding(f"port of the {what}", f"{name}='{chosen}' is no port: give a number up to 65535")
        else:
            yield _finding(f"the {what}", int(chosen), f"another one as {name}", is_free)


def _finding(what: str, port: int, way_out: str, is_free: Callable[[int], bool]) -> Finding:
    subject = f"port {port} of {what}"
    if is_free(port):
        return Finding(subject)
    return Finding(subject, f"port {port} of {what} is taken: stop what listens there, or choose {way_out}")
