"""Writes the requirements of the containers with hashes: `make lock`.

`requirements.txt` has the pins of pyproject.toml (dependencies and the extra `orchestration`) and their
dependencies, but none of Airflow's dependencies: the base image contains Airflow, and its build fails if they
are pinned.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from spotify_pipeline.settings import PROJECT_ROOT

HEADER = "# written by `make lock`; pip refuses a file that has none of these hashes\n"
LOCK = "requirements.lock"
# dependencies of the pipeline that the sandbox imports, too
SANDBOX_IMPORTS = ("orjson", "typer")


def main() -> None:
    """Write the requirements of the image and of the sandbox's container."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    image = project["dependencies"] + extras["orchestration"]
    # on Linux only: elsewhere Airflow needs more, which is not in the image
    of_airflow = _names(_compiled(extras["airflow"], "--python-platform", "linux"))
    left_out = of_airflow - _names("\n".join(image))
    arguments = [argument for name in sorted(left_out) for argument in ("--no-emit-package", name)]
    _write("requirements.txt", _compiled(image, "--universal", "--generate-hashes", *arguments))
    shared = [pin for pin in project["dependencies"] if pin.partition("==")[0] in SANDBOX_IMPORTS]
    sandbox = extras["sandbox"] + shared
    _write("docker/sandbox/requirements.txt", _compiled(sandbox, "--universal", "--generate-hashes"))


def _compiled(pins: list[str], *arguments: str) -> str:
    """Return the pins and their dependencies in the versions of the lock."""
    command = [str(Path(sys.executable).parent / "uv"), "pip", "compile", "--quiet"]
    command += ["--python-version", "3.11", "--constraints", LOCK, "--no-emit-index-url", "--no-header"]
    # pip's check of hashes wants a pin of `mashumaro[msgpack]`, not of `mashumaro`
    command += ["--no-annotate", "--no-strip-extras", *arguments, "-"]
    done = subprocess.run(  # noqa: S603 - our own command line
        command, cwd=PROJECT_ROOT, input="\n".join(pins), stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def _names(requirements: str) -> set[str]:
    return {name.lower() for name in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", requirements, re.MULTILINE)}


def _write(path: str, requirements: str) -> None:
    (PROJECT_ROOT / path).write_text(HEADER + requirements, encoding="utf-8")


if __name__ == "__main__":
    main()
