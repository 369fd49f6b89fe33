"""dbt's manifest, from which Cosmos builds the DAG; `dbt parse` writes it without a database."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from spotify_pipeline.settings import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt"
MANIFEST = DBT_PROJECT / "target" / "manifest.json"
# folders that dbt writes
OUTPUT_FOLDERS = frozenset({"target", "logs"})
_DIGEST = "manifest.sha256"


def is_current(project: Path = DBT_PROJECT) -> bool:
    """Return whether the manifest was made of the project's files as they are.

    Contents are compared: files that came by `cp -a` or from an archive are changed and have old times.
    """
    target = project / "target"
    try:
        return (target / "manifest.json").exists() and (target / _DIGEST).read_text() == digest(project)
    except FileNotFoundError:
        return False


def digest(project: Path) -> str:
    """Return a digest of the path and content of every file that dbt reads."""
    found = hashlib.sha256()
    for folder, names, files in os.walk(project):
        names[:] = sorted(name for name in names if name not in OUTPUT_FOLDERS and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found.update(f"{path.relative_to(project)}\0{content}\n".encode())
    return found.hexdigest()


def parse_command(project: Path = DBT_PROJECT) -> list[str]:
    """Return the command line of `dbt parse` for the project."""
    dbt = str(Path(sys.executable).parent / "dbt")
    return [
        dbt,
        "--no-send-anonymous-usage-stats",
        "parse",
        "--project-dir",
        str(project),
        "--profiles-dir",
        str(project),
    ]


def build_manifest(run: Callable[[list[str]], object], project: Path = DBT_PROJECT) -> bool:
    """Run `dbt parse` unless the manifest is current.

    Args:
        run: Runs a command line.
        project: Folder of the dbt project.

    Returns:
        Whether `dbt parse` ran.
    """
    if is_current(project):
        return False
    before = digest(project)
    run(parse_command(project))
    (project / "target").mkdir(exist_ok=True)
    (project / "target" / _DIGEST).write_text(before)
    return True


if __name__ == "__main__":
    # another project's DBT_TARGET would be unknown to our profile
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    build_manifest(lambda command: subprocess.run(command, check=True, env=environment))  # noqa: S603 - ours
