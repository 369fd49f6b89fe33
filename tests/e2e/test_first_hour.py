"""Tests the first hour of a new user: a fresh clone, an ordinary account, an empty home.

The commands are those of docs/tutorial.md.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from spotify_pipeline.settings import PROJECT_ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(3600)]

TUTORIAL = PROJECT_ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ORDINARY_USER = "nobody"
# variables with which this machine reaches a package index
PACKAGE_INDEX_VARIABLES = re.compile(r"(PIP|UV|SSL|REQUESTS)_\w+|\w+_proxy|\w+_PROXY")
OWN_APP = {"AIRFLOW_CONN_SPOTIFY_API": '{"conn_type": "generic", "login": "id", "password": "secret"}'}


@dataclass(frozen=True)
class Clone:
    """A clone of this commit, and the home of the account that works in it."""

    folder: Path
    home: Path

    def run(self, command: str, **variables: str) -> tuple[int, str]:
        """Run a command line in the clone; return its status and output."""
        given = {name: value for name, value in os.environ.items() if PACKAGE_INDEX_VARIABLES.fullmatch(name)}
        account = {"user": ORDINARY_USER, "group": pwd.getpwnam(ORDINARY_USER).pw_gid, "extra_groups": []}
        done = subprocess.run(  # noqa: S603 - the commands of the tutorial
            ["/bin/bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=given
            | {"HOME": str(self.home), "PATH": f"{self.folder}/.venv/bin:/usr/local/bin:/usr/bin:/bin"}
            | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1800,
            **(account if os.geteuid() == 0 else {}),  # type: ignore[call-overload]
        )
        assert "Traceback" not in done.stdout, done.stdout
        return done.returncode, done.stdout

    def must(self, command: str, **variables: str) -> str:
        """Run a command line that must succeed, and return its output."""
        status, output = self.run(command, **variables)
        assert status == 0, f"{command}\n{output}"
        return output


@pytest.fixture
def clone() -> Iterator[Clone]:
    # not below pytest's folder, which other accounts cannot enter
    root = Path(tempfile.mkdtemp(prefix="first-hour-"))
    root.chmod(0o755)
    made = Clone(root / "spotify pipeline", root / "home")
    git = shutil.which("git") or "git"
    subprocess.run([git, "clone", "--quiet", str(PROJECT_ROOT), str(made.folder)], check=True)  # noqa: S603
    made.home.mkdir()
    if os.geteuid() == 0:
        user = pwd.getpwnam(ORDINARY_USER)
        for path in (root, *root.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    yield made
    made.run("[ ! -x .venv/bin/spotify-pipeline ] || make down")
    shutil.rmtree(root, ignore_errors=True)


def test_the_tutorial_and_then_an_own_app_work(clone: Clone) -> None:
    blocks = BLOCK.findall(TUTORIAL.read_text(encoding="utf-8"))
    assert blocks[0] == ("sh", 'make demo DAYS=1\nexport PATH="$PWD/.venv/bin:$PATH"\n')
    printed = ""
    for kind, text in blocks:
        if kind == "text":
            assert text.strip() in printed
        elif text == "make down\n":
            check_while_it_runs(clone)
            clone.must(text)
        else:
            printed = clone.must(text)
            if text == blocks[0][1]:
                assert f"{clone.folder}/.venv/bin/spotify-pipeline --help" in printed
    check_own_app(clone)
    clone.must("echo y | make reset")
    assert not (clone.folder / "build/stack").exists()


def check_while_it_runs(clone: Clone) -> None:
    """Check commands that a user may try next, after the erasure at the end of the tutorial."""
    assert "Made-up data" in (clone.folder / "build/demo/report.html").read_text(encoding="utf-8")
    assert re.search(r"marts\s*\|\s*dim_track", clone.must(r"spotify-pipeline psql -- -c '\d'"))
    # the login needs a port that the stack does not use
    status, output = clone.run("spotify-pipeline auth login --no-browser --timeout 1")
    assert (status, "in use" in output) == (1, False), output
    status, output = clone.run("make up", **OWN_APP)
    assert (status, "a stack runs in" in output) == (2, True), output
    # the listener was erased: the demo works with another one
    clone.must("make demo DAYS=1")


def check_own_app(clone: Clone) -> None:
    """Check that an own app does not fetch the example artists: it needs sources of its own first."""
    status, output = clone.run("make up", **OWN_APP)
    assert (status, "sources.local.yml" in output) == (2, True), output
    assert not list((clone.folder / "build/own").glob("*.json")), "no stack was created"
