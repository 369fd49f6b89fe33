"""Checks the versions of Python, Docker, the Astro CLI and the image."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from spotify_pipeline.doctor.finding import Finding, Findings

Version = tuple[int, ...]
# the first Docker with BuildKit by default, and the first Astro CLI with Airflow 3
DOCKER, ASTRO = (23, 0), (1, 34)
PYTHONS = ((3, 11), (3, 12), (3, 13))
AIRFLOW = "3.3"
REGISTRY = "astrocrpublic.azurecr.io/runtime"
TAG = re.compile(r"(?P<airflow>\d+\.\d+)-\d+(-python-(?P<python>3\.\d+))?(-base)?")
TOOL_SECONDS = 20


def check_python() -> Findings:
    """Check the version of the running Python."""
    version = sys.version_info[:2]
    good = version in PYTHONS
    yield Finding(
        "Python",
        ""
        if good
        else f"Python {_text(version)} is not supported: use 3.11, 3.12 or 3.13 (make PYTHON=python3.12)",
    )


def check_docker() -> Findings:
    """Check that Docker is installed, responds, and is new enough."""
    if shutil.which("docker") is None:
        yield Finding("Docker", "docker is not installed: install Docker, or run without it (make up)")
        return
    found = _version(["docker", "version", "--format", "{{.Server.Version}}"])
    if found is None:
        yield Finding("Docker", "the Docker daemon does not respond: start it, then try again")
    elif found < DOCKER:
        yield Finding("Docker", f"Docker {_text(found)} is too old: update it to {_text(DOCKER)} or newer")
    else:
        yield Finding("Docker")


def check_astro() -> Findings:
    """Check that the Astro CLI is installed in a supported version."""
    way_out = "https://www.astronomer.io/docs/astro/cli/install-cli shows how"
    if shutil.which("astro") is None:
        yield Finding("Astro CLI", f"astro is not installed: {way_out}")
        return
    found = _version(["astro", "version"])
    if found is None:
        yield Finding("Astro CLI", f"`astro version` shows no version: install the CLI again; {way_out}")
    elif found[0] > ASTRO[0]:
        yield Finding(
            "Astro CLI", f"Astro CLI {_text(found)} needs another project layout: install 1.x; {way_out}"
        )
    elif found < ASTRO:
        yield Finding(
            "Astro CLI", f"Astro CLI {_text(found)} does not support Airflow 3: update it to 1.x; {way_out}"
        )
    else:
        yield Finding("Astro CLI")


def check_image(dockerfile: Path) -> Findings:
    """Check that the Dockerfile starts from a Runtime with this Airflow and a Python that dbt supports."""
    try:
        text = dockerfile.read_text()
    except OSError:
        yield Finding("image", f"{dockerfile} cannot be read: run this in the project's folder")
        return
    named = re.search(r"^FROM\s+(\S+)", text, re.MULTILINE)
    image, _, tag = (named[1] if named else "").rpartition(":")
    match = TAG.fullmatch(tag)
    right = f"{REGISTRY}:{AIRFLOW}-8-python-3.12"
    if image != REGISTRY or match is None:
        problem = f"'{named[1] if named else ''}' is not a tag of Astro Runtime: start from {right}"
    elif match["airflow"] != AIRFLOW:
        problem = (
            f"Runtime {tag} is not Airflow {AIRFLOW}, which the DAGs are written for: start from {right}"
        )
    elif match["python"] not in {_text(version) for version in PYTHONS}:
        python = match["python"] or "3.14, its default"
        problem = f"Runtime {tag} has Python {python}, which dbt 1.11 does not support: start from {right}"
    else:
        problem = ""
    yield Finding("image", problem)


def _version(command: list[str]) -> Version | None:
    """Return the first version number in the output of a tool, or None."""
    try:
        done = subprocess.run(  # noqa: S603 - our own command lines
            command, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"(\d+)\.(\d+)(\.\d+)?", done.stdout)
    return (int(found[1]), int(found[2])) if done.returncode == 0 and found else None


def _text(version: Version) -> str:
    return ".".join(map(str, version))
