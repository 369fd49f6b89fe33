"""One version of everything: pyproject.toml, requirements.txt, the lock and the sandbox's list agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# installed by a target of its own
OWN_LOCKS = ("spark", "docs")
LOCKS = ["requirements.lock", *(f"requirements-{extra}.lock" for extra in OWN_LOCKS)]
PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)")


def pins(lines: list[str]) -> dict[str, str]:
    """Name (normalised) -> version; a line that is no exact pin fails."""
    found = {}
    for line in lines:
        match = PIN.match(line)
        assert match, f"no exact pin: {line!r}"
        found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


def listed(path: str) -> list[str]:
    """Lines of a requirements file that name a package."""
    lines = (ROOT / path).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", " "))]


def test_requirements_txt_holds_pipeline_and_orchestration() -> None:
    assert pins(listed("requirements.txt")) == pins(PROJECT["dependencies"] + EXTRAS["orchestration"])


def test_airflow_itself_is_left_to_the_base_image() -> None:
    # the base image refuses to build otherwise
    assert "apache-airflow" not in pins(listed("requirements.txt"))


def test_the_sandbox_container_installs_the_same_pins() -> None:
    container, extra = pins(listed("docker/sandbox/requirements.txt")), pins(EXTRAS["sandbox"])
    assert extra.items() <= container.items()
    assert container.items() <= (pins(PROJECT["dependencies"]) | extra).items()


@pytest.mark.parametrize("extra", ["", *(extra for extra in EXTRAS if extra not in OWN_LOCKS)])
def test_the_lock_has_every_pin_of_pyproject(extra: str) -> None:
    wanted = pins(EXTRAS[extra] if extra else PROJECT["dependencies"])
    locked = pins([line for line in listed("requirements.lock") if not line.startswith("--")])
    assert {name: locked.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_carries_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    packages = [line for line in listed(lock) if not line.startswith("--")]
    assert text.count("--hash=sha256:") >= len(packages) > 0
    assert "://" not in text


@pytest.mark.parametrize("extra", OWN_LOCKS)
def test_a_large_extra_has_a_lock_of_its_own(extra: str) -> None:
    locked = pins([line for line in listed(f"requirements-{extra}.lock") if not line.startswith("--")])
    assert pins(EXTRAS[extra]).items() <= locked.items()
    everything = pins([line for line in listed("requirements.lock") if not line.startswith("--")])
    assert not pins(EXTRAS[extra]).keys() & everything.keys()
    shared = locked.keys() & everything.keys()
    assert {name: locked[name] for name in shared} == {name: everything[name] for name in shared}
    # what both install has one version
    assert {name: everything.get(name, version) for name, version in locked.items()} == locked
