"""Ports that `astro dev start` publishes on this machine."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from spotify_pipeline.doctor.finding import Finding, Findings

HOST = "127.0.0.1"
# service of the Astro CLI -> its port, and the command that moves it
OF_CLI = {
    "Airflow": (8080, "astro config set api-server.port 8081"),
    "Airflow's database": (5432, "astro config set postgres.port 5435"),
}
PUBLISHED = re.compile(r'"127\.0\.0\.1:\$\{(?P<name>[A-Z_]+):-(?P<default>\d+)\}:\d+"')


def is_free(port: int) -> bool:
    """Return whether a server could listen on `port` of 127.0.0.1; connections in TIME_WAIT do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def check_ports(override: Path, environ: Mapping[str, str] | None = None) -> Findings:
    """Check that each published port is free, or is moved by its variable to a free port.

    Args:
        override: docker-compose.override.yml.
        environ: Environment variables; by default those of this process.
    """
    given = os.environ if environ is None else environ
    for what, (port, way_out) in OF_CLI.items():
        yield _finding(what, port, f"`{way_out}`")
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
            yield _finding(f"the {what}", int(chosen), f"another one as {name}")


def _finding(what: str, port: int, way_out: str) -> Finding:
    subject = f"port {port} of {what}"
    if is_free(port):
        return Finding(subject)
    return Finding(subject, f"port {port} of {what} is taken: stop what listens there, or choose {way_out}")
