"""`spotify-pipeline dbt`: run dbt against the warehouse of the running embedded stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from spotify_pipeline.errors import ConfigurationError
from spotify_stack import airflow_environment
from spotify_stack.dbt_manifest import DBT_PROJECT
from spotify_stack.stack import running_state
from spotify_stack.state import StackState


def dbt(
    arguments: Annotated[list[str], typer.Argument(help="Arguments of dbt: -- build --select dim_track")],
) -> None:
    """Run dbt as spotify_dbt against the warehouse of the running stack, with the exit status of dbt."""
    state = running_state()
    if state is None:
        raise ConfigurationError("the stack is not running: 'make up' starts it")
    command = [str(Path(sys.executable).parent / "dbt"), *arguments]
    ended = subprocess.run(command, env=environment(state), check=False)  # noqa: S603 - the user's own
    raise typer.Exit(ended.returncode)


def environment(state: StackState) -> dict[str, str]:
    """Return the environment of dbt; it writes to the folder of the stack, apart from Airflow's tasks."""
    return {
        **airflow_environment.inherited(),
        **airflow_environment.environment(state),
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(state.paths.root / "dbt-target"),
    }
