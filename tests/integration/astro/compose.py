"""Reads and merges Compose files without Docker, by the rules of the Compose specification."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
CLI = Path(__file__).with_name("cli-services.yml")
OVERRIDE = ROOT / "docker-compose.override.yml"
# compose-go's own command, the specification's reference implementation, built by `make compose-spec`
REFERENCE = ROOT / "build" / "bin" / "compose-spec"


def interpolated(path: Path, **shell: str) -> dict[str, Any]:
    """Read a Compose file with only the variables of `shell` set."""
    text = re.sub(
        r"\$\{([A-Z_]+):-([^}]*)\}", lambda match: shell.get(match[1]) or match[2], path.read_text()
    )
    document: dict[str, Any] = yaml.safe_load(text)
    return {key: value for key, value in document.items() if not key.startswith("x-")}


def merged(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """Merge `override` into `base`: mappings by key, mounts by target, other lists joined."""
    services = {
        name: _service(base["services"].get(name, {}), override["services"].get(name, {}))
        for name in base["services"] | override["services"]
    }
    named = {part: base.get(part, {}) | override.get(part, {}) for part in ("networks", "volumes")}
    return {"services": services, **named}


def _service(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    found = base | override
    for key in ("environment", "depends_on"):
        found[key] = _mapping(base.get(key)) | _mapping(override.get(key))
    mounts = {
        mount.split(":")[1]: mount for mount in [*base.get("volumes", []), *override.get("volumes", [])]
    }
    found["volumes"] = list(mounts.values())
    for key in ("ports", "networks"):
        found[key] = list(dict.fromkeys([*base.get(key, []), *override.get(key, [])]))
    return found


def _mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, list):  # the short form of depends_on
        return {name: {"condition": "service_started"} for name in value}
    return dict(value or {})


def start_order(services: dict[str, Any]) -> Iterator[str]:
    """Yield the services so that each comes after those that it depends on.

    Raises:
        AssertionError: a service depends on a missing service, or on itself through others.
    """
    started: set[str] = set()
    waiting = {name: set(_mapping(service.get("depends_on"))) for name, service in services.items()}
    while waiting:
        ready = sorted(name for name, needed in waiting.items() if needed <= started)
        assert ready, f"services depend on each other, or on a missing service: {waiting}"
        for name in ready:
            del waiting[name]
            started.add(name)
            yield name


def reference_command() -> list[str] | None:
    """Return the command that merges Compose files and prints JSON, or None if none is installed."""
    if REFERENCE.is_file():
        return [str(REFERENCE), "-format", "json"]
    docker = shutil.which("docker")
    if docker and _runs([docker, "compose", "version"]):
        return [docker, "compose", "config", "--format", "json"]
    return None


def merged_by_reference(command: list[str], folder: Path, *files: Path) -> dict[str, Any]:
    """Merge the files with the reference implementation.

    Args:
        command: The command of the reference implementation.
        folder: The project's folder.
        files: The Compose files.

    Raises:
        AssertionError: the reference implementation refuses the files.
    """
    if "compose" in command:  # Docker's plugin takes the files as options before `config`
        position = command.index("config")
        options = [part for file in files for part in ("--file", str(file))]
        full = [*command[:position], "--project-directory", str(folder), *options, *command[position:]]
    else:
        full = [*command, *map(str, files)]
    done = subprocess.run(  # noqa: S603 - our own command line
        full,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", str(folder)),  # Docker finds its plugins there
            "COMPOSE_PROJECT_NAME": "spotify-pipeline",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0  # noqa: S603
