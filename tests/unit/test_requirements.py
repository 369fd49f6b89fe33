"""Tests that pyproject.toml, requirements.txt, the locks and the sandbox's list have the same versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tools.image_requirements import SANDBOX_IMPORTS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# each is installed by its own make target
OWN_LOCKS = ("spark", "celery", "docs")
LOCKS = ["requirements.lock", *(f"requirements-{extra}.lock" for extra in OWN_LOCKS)]
PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)")


def pins(lines: list[str]) -> dict[str, str]:
    """Return versions by normalised name; a line that is not an exact pin fails."""
    found = {}
    for line in lines:
        match = PIN.match(line)
        assert match, f"not an exact pin: {line!r}"
        found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


def listed(path: str) -> list[str]:
    """Return the lines of a requirements file that name a package."""
    lines = (ROOT / path).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", " "))]


def test_the_image_installs_pipeline_and_orchestration() -> None:
    wanted = pins(PROJECT["dependencies"] + EXTRAS["orchestration"])
    assert wanted.items() <= pins(listed("requirements.txt")).items(), "run `make lock`"


def test_airflow_itself_comes_from_the_base_image() -> None:
    # with a pin of Airflow, the base image refuses to build
    assert not {"apache-airflow", "apache-airflow-core"} & pins(listed("requirements.txt")).keys()


def test_the_sandbox_container_installs_what_it_imports() -> None:
    wanted = pins(EXTRAS["sandbox"]) | {
        name: version for name, version in pins(PROJECT["dependencies"]).items() if name in SANDBOX_IMPORTS
    }
    assert len(wanted) == len(EXTRAS["sandbox"]) + len(SANDBOX_IMPORTS)
    assert wanted.items() <= pins(listed("docker/sandbox/requirements.txt")).items(), "run `make lock`"


def hashes(path: str) -> dict[str, set[str]]:
    """Return the hashes of the files of each pin, without extras."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / path).read_text().splitlines():
        if line and not line.startswith(("#", " ")):
            found[pin := re.sub(r"\[.*\]", "", line.split()[0])] = set()
        elif "--hash=" in line:
            found[pin].add(line.split("--hash=")[1].rstrip(" \\"))
    return found


@pytest.mark.parametrize("path", ["requirements.txt", "docker/sandbox/requirements.txt"])
def test_containers_accept_only_the_files_of_the_lock(path: str) -> None:
    locked, installed = hashes("requirements.lock"), hashes(path)
    assert installed
    assert {pin: locked.get(pin) for pin in installed} == installed, "run `make lock`"


@pytest.mark.parametrize("extra", ["", *(extra for extra in EXTRAS if extra not in OWN_LOCKS)])
def test_the_lock_has_every_pin_of_pyproject(extra: str) -> None:
    wanted = pins(EXTRAS[extra] if extra else PROJECT["dependencies"])
    locked = pins([line for line in listed("requirements.lock") if not line.startswith("--")])
    assert {name: locked.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    packages = [line for line in listed(lock) if not line.startswith("--")]
    assert text.count("--hash=sha256:") >= len(packages) > 0
    assert "://" not in text


@pytest.mark.parametrize("extra", OWN_LOCKS)
def test_a_large_extra_has_a_lock_of_its_own(extra: str) -> None:
    locked = pins([line for line in listed(f"requirements-{extra}.lock") if not line.startswith("--")])
    assert pins(EXTRAS[extra]).items() <= locked.items()
    # it is installed after the main lock, and has only additional packages
    assert not locked.keys() & pins(listed("requirements.lock")).keys()
