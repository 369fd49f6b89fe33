"""dbt's manifest, from which Cosmos builds the DAG; `dbt parse` writes it without a database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from spotify_pipeline.settings import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt"
MANIFEST = DBT_PROJECT / "target" / "manifest.json"
# folders that dbt writes
OUTPUT_FOLDERS = frozenset({"target", "logs", "dbt_packages"})


def is_current(project: Path = DBT_PROJECT) -> bool:
    """Return whether the manifest is newer than every file of the dbt project."""
    made = project / "target" / "manifest.json"
    if not made.exists():
        return False
    limit = made.stat().st_mtime_ns
    for folder, names, files in os.walk(project):
        names[:] = [name for name in names if name not in OUTPUT_FOLDERS]
        # the time of a folder shows that a file was removed; that of the project changes with target/ too
        seen = [Path(folder, file) for file in files] + ([Path(folder)] if Path(folder) != project else [])
        if any(path.stat().st_mtime_ns > limit for path in seen):
            return False
    return True


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
    run(parse_command(project))
    return True


if __name__ == "__main__":
    build_manifest(lambda command: subprocess.run(command, check=True))  # noqa: S603 - our own command line
