"""Writes dbt's manifests with `dbt parse`, without a database.

    python -m spotify_stack.dbt_manifest

One has the names of the published tables, and Cosmos builds the DAG from it. The other is of the target
`build`, with which Airflow runs dbt; tasks read it instead of parsing the project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from spotify_pipeline.files import folder_digest
from spotify_pipeline.settings import DBT_BUILD_TARGET, DBT_DIGEST, DBT_OUTPUT_FOLDERS, PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt"
MANIFEST = DBT_PROJECT / "target" / "manifest.json"


def is_current(project: Path = DBT_PROJECT) -> bool:
    """Return whether the project has not changed since the manifests were made."""
    if not (project / "target" / "manifest.json").exists():
        return False
    try:
        return (project / DBT_DIGEST).read_text() == folder_digest(project, without=DBT_OUTPUT_FOLDERS)
    except FileNotFoundError:
        return False


def parse_command(project: Path = DBT_PROJECT) -> list[str]:
    """Return the command line of `dbt parse` for the project."""
    bin_folder = str(Path(sys.executable).parent)
    dbt = shutil.which("dbt", path=os.pathsep.join([bin_folder, os.environ.get("PATH", "")])) or "dbt"
    return [
        dbt,
        "--no-send-anonymous-usage-stats",
        # dbt takes an exposure that moved to another file for two of one name
        "--no-partial-parse",
        "parse",
        "--project-dir",
        str(project),
        "--profiles-dir",
        str(project),
    ]


def build_manifest(run: Callable[[list[str]], object], project: Path = DBT_PROJECT) -> bool:
    """Run `dbt parse` for both targets unless the manifests are current.

    Args:
        run: Runs a command line.
        project: Folder of the dbt project.

    Returns:
        Whether `dbt parse` ran.
    """
    if is_current(project):
        return False
    before = folder_digest(project, without=DBT_OUTPUT_FOLDERS)
    command = parse_command(project)
    run(command)
    run([*command, "--target", "build", "--target-path", str(project / DBT_BUILD_TARGET)])
    (project / DBT_DIGEST).parent.mkdir(exist_ok=True)
    (project / DBT_DIGEST).write_text(before)
    return True


if __name__ == "__main__":
    # another project's DBT_TARGET would be unknown to our profile
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    try:
        build_manifest(lambda command: subprocess.run(command, check=True, env=environment))  # noqa: S603 - ours
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"dbt cannot parse the project {DBT_PROJECT} (exit code {error.returncode}): its message is above"
        )
