"""Checks the ports that `astro dev start` publishes on this machine."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx

from spotify_pipeline.doctor.finding import Finding, Findings

HOST = "127.0.0.1"
# The CLI (1.40 and later) reaches Airflow through a proxy that serves all its projects. Airflow's own port is
# not checked: the CLI chooses a free one.
PROXY_PORT = 6563
PROXY_WORDS = "Astro Dev Proxy"
DATABASE_PORT = 5432
PUBLISHED = re.compile(r'"127\.0\.0\.1:\$\{(?P<name>[A-Z_]+):-(?P<default>\d+)\}:\d+"')
SECONDS = 10


def is_free(port: int) -> bool:
    """Return whether a server can listen on `port` of 127.0.0.1, ignoring connections in TIME_WAIT."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def check_ports(project: Path, environ: Mapping[str, str] | None = None) -> Findings:
    """Check that each published port, or the port that its variable names, is free.

    A port that a container of this project publishes does not count as taken.

    Args:
        project: Folder of the project.
        environ: Environment variables; by default those of this process.
    """
    given = os.environ if environ is None else environ
    override = project / "docker-compose.override.yml"
    own = ports_of_project(project)
    if is_free(PROXY_PORT) or _is_proxy(PROXY_PORT):
        yield Finding(f"port {PROXY_PORT} of the CLI's proxy")
    else:
        yield _taken(PROXY_PORT, "the CLI's proxy", "to start with `astro dev start --no-proxy`")
    way_out = "another one: `astro config set postgres.port 5435`"
    yield _finding(DATABASE_PORT, "Airflow's database", way_out, own)
    try:
        text = override.read_text()
    except OSError:
        yield Finding("ports", f"{override} cannot be read: run this in the project's folder")
        return
    for match in PUBLISHED.finditer(text):
        name, chosen = match["name"], given.get(match["name"]) or match["default"]
        what = name.removeprefix("SPOTIFY_").removesuffix("_PORT").lower().replace("_", " ")
        if not chosen.isdigit() or not 0 < int(chosen) < 65_536:
            yield Finding(f"port of the {what}", f"{name}='{chosen}' is not a port: give 1 to 65535")
        else:
            yield _finding(int(chosen), f"the {what}", f"another one as {name}", own)


def ports_of_project(project: Path) -> set[int]:
    """Return the ports that running containers of this project publish; without Docker, none.

    The CLI names containers after the project's name and a digest of its folder.
    """
    try:
        config = (project / ".astro" / "config.yaml").read_text()
        done = subprocess.run(
            ["docker", "ps", "--format", "{{.Names}}\t{{.Ports}}"],  # noqa: S607 - the one on the PATH
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return set()
    named = re.search(r"^\s+name:\s*(\S+)", config, re.MULTILINE)
    digest = hashlib.md5(str(project.absolute()).encode(), usedforsecurity=False).hexdigest()[:6]
    prefix = f"{named[1] if named else ''}_{digest}"
    rows = (line.partition("\t") for line in done.stdout.splitlines())
    return {
        int(port)
        for name, _, ports in rows
        if name.startswith(prefix)
        for port in re.findall(r":(\d+)->", ports)
    }


def _is_proxy(port: int) -> bool:
    try:
        return PROXY_WORDS in httpx.get(f"http://{HOST}:{port}/", timeout=2, trust_env=False).text
    except httpx.HTTPError:
        return False


def _finding(port: int, what: str, way_out: str, own: set[int]) -> Finding:
    if port in own or is_free(port):
        return Finding(f"port {port} of {what}")
    return _taken(port, what, way_out)


def _taken(port: int, what: str, way_out: str) -> Finding:
    subject = f"port {port} of {what}"
    return Finding(subject, f"{subject} is taken: stop what listens there, or choose {way_out}")
