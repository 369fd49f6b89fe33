"""One version of everything: pyproject.toml, requirements.txt, the lock and the sandbox's list agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
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


def test_requirements_txt_holds_the_pipeline_and_orchestration_and_no_more() -> None:
    assert pins(listed("requirements.txt")) == pins(PROJECT["dependencies"] + EXTRAS["orchestration"])


def test_airflow_itself_is_left_to_the_base_image() -> None:
    # the base image refuses to build otherwise
    assert "apache-airflow" not in pins(listed("requirements.txt"))


def test_the_sandbox_installs_a_part_of_the_same_pins() -> None:
    sandbox = pins(listed("docker/sandbox/requirements.txt"))
    assert {"starlette", "uvicorn"} <= set(sandbox)
    assert sandbox.items() <= pins(PROJECT["dependencies"]).items()


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_the_lock_has_every_pin_of_pyproject(extra: str) -> None:
    wanted = pins(EXTRAS[extra] if extra else PROJECT["dependencies"])
    locked = pins([line for line in listed("requirements.lock") if not line.startswith("--")])
    assert {name: locked.get(name) for name in wanted} == wanted


def test_the_lock_carries_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert text.count("--hash=sha256:") > len(listed("requirements.lock"))
    assert "://" not in text
